#include "runtime/sequence/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace tern::runtime {

Sequence::Sequence(std::shared_ptr<PagePool> pool, size_t capacity)
    : pool_(std::move(pool)), capacity_(capacity) {}

Sequence::Sequence(std::shared_ptr<PagePool> pool, size_t capacity, std::span<const uint32_t> tokens,
                   std::span<const PageReference> pages)
    : pool_(std::move(pool)),
      capacity_(capacity),
      tokens_(tokens.begin(), tokens.end()),
      references_(pages.begin(), pages.end()) {
  assert(!is_recurrent() && tokens.size() == pages.size() * shape().positions && tokens.size() <= capacity);
  for (const PageReference& page : references_) memory_.push_back(page.data());
}

// What this one held goes with `other`, whose references go before their pool does.
Sequence& Sequence::operator=(Sequence&& other) noexcept {
  pool_.swap(other.pool_);
  std::swap(capacity_, other.capacity_);
  tokens_.swap(other.tokens_);
  references_.swap(other.references_);
  memory_.swap(other.memory_);
  std::swap(state_, other.state_);
  checkpoints_.swap(other.checkpoints_);
  return *this;
}

Status Sequence::reserve(size_t tokens) {
  if (tokens > capacity_ - length())
    return Error{fmt::format("there is room for {} more tokens of a context of {}, not for {}",
                             capacity_ - length(), capacity_, tokens),
                 {}};
  if (tokens == 0) return {};
  if (state_.size() < state_bytes()) {
    TERN_ASSIGN(state_, Memory::allocate(state_bytes()));
  }
  const size_t wanted = std::max(pages_for(shape(), length() + tokens), references_.size());
  // Only pages that no token lies in yet, and the last that one lies in, are going to be written to.
  const size_t first = length() / shape().positions;
  std::vector<PageReference> fresh;
  for (size_t page = first; page < wanted; ++page) {
    if (page < references_.size() && !references_[page].is_shared()) continue;
    TERN_ASSIGN(PageReference own, pool_->allocate());
    fresh.push_back(std::move(own));
  }
  auto next = fresh.begin();
  for (size_t page = first; page < wanted; ++page) {
    if (page == references_.size()) {
      memory_.push_back(next->data());
      references_.push_back(std::move(*next++));
    } else if (references_[page].is_shared()) {
      std::memcpy(next->data(), memory_[page], page_bytes(shape()));
      memory_[page] = next->data();
      references_[page] = std::move(*next++);
    }
  }
  return {};
}

void Sequence::extend(std::span<const uint32_t> tokens) {
  assert(pages_for(shape(), length() + tokens.size()) <= references_.size());
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

const Sequence::Checkpoint* Sequence::checkpoint_at(size_t length) const {
  const auto found = std::ranges::find(checkpoints_, length, &Checkpoint::length);
  return found == checkpoints_.end() ? nullptr : &*found;
}

size_t Sequence::reachable(size_t length) const {
  if (!is_recurrent() || length == tokens_.size()) return length;
  size_t reached = 0;
  for (const Checkpoint& each : checkpoints_) {
    if (each.length <= length) reached = each.length;
  }
  return reached;
}

void Sequence::truncate(size_t length) {
  assert(length <= tokens_.size());
  length = reachable(length);
  if (is_recurrent() && length < tokens_.size()) {
    if (const Checkpoint* found = checkpoint_at(length))
      std::memcpy(state_.data(), found->state.data(), state_bytes());
    else
      std::memset(state_.data(), 0, state_bytes());
    std::erase_if(checkpoints_, [&](const Checkpoint& each) { return each.length > length; });
  }
  tokens_.resize(length);
  const size_t kept = pages_for(shape(), length);
  references_.erase(references_.begin() + static_cast<ptrdiff_t>(kept), references_.end());
  memory_.resize(kept);
}

Status Sequence::checkpoint() {
  if (!is_recurrent() || tokens_.empty() || checkpoint_at(tokens_.size())) return {};
  Checkpoint made{tokens_.size(), {}};
  if (checkpoints_.size() == max_checkpoints) {
    made.state = std::move(checkpoints_.front().state);
    checkpoints_.erase(checkpoints_.begin());
  } else {
    TERN_ASSIGN(made.state, Memory::allocate(state_bytes()));
  }
  std::memcpy(made.state.data(), state_.data(), state_bytes());
  checkpoints_.push_back(std::move(made));
  return {};
}

Expected<Sequence> Sequence::fork(size_t length) const {
  assert(length <= tokens_.size());
  Sequence copy(pool_, capacity_);
  if (is_recurrent() && length > 0) {
    const Checkpoint* found = checkpoint_at(length);
    if (!found && length < tokens_.size())
      return Error{
          fmt::format("a recurrent state of {} tokens cannot be cut to {}: the last checkpoint before "
                      "has {}",
                      tokens_.size(), length, reachable(length)),
          {}};
    TERN_ASSIGN(copy.state_, Memory::allocate(state_bytes()));
    std::memcpy(copy.state_.data(), (found ? found->state : state_).data(), state_bytes());
  }
  copy.tokens_.assign(tokens_.begin(), tokens_.begin() + static_cast<ptrdiff_t>(length));
  const auto kept = static_cast<ptrdiff_t>(pages_for(shape(), length));
  copy.references_.assign(references_.begin(), references_.begin() + kept);
  copy.memory_.assign(memory_.begin(), memory_.begin() + kept);
  return copy;
}

}  // namespace tern::runtime
