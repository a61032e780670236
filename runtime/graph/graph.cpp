#include "runtime/graph/graph.h"

namespace tern::runtime {
namespace {

class GraphBuilder {
 public:
  explicit GraphBuilder(const Model& model) : model_(model), shape_(model.hyperparameters) {}

  Graph run() {
    const uint64_t e = shape_.embedding_length;
    graph_.hidden = add_value("hidden", e);
    x_ = add_value("x", e);
    xq_ = add_value("x.quantized", e, true);
    graph_.layers.push_back({StepKind::embed, -1, -1, graph_.hidden});
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      layer_ = static_cast<int>(i);
      attention(model_.layers[i]);
      feed_forward(model_.layers[i]);
    }
    graph_.logits = add_value("logits", shape_.vocabulary_size);
    // A value of its own: what no matrix writes keeps its padding of zeros, which a dense matrix may read.
    const int normed = add_value("output", e);
    graph_.head.push_back({StepKind::rms_norm, graph_.hidden, -1, normed, -1, nullptr, &model_.output_norm});
    graph_.head.push_back({StepKind::matmul, normed, -1, graph_.logits, -1, &model_.head()});
    return std::move(graph_);
  }

 private:
  int add_value(std::string name, uint64_t width, bool quantized = false) {
    graph_.values.push_back({std::move(name), width, quantized});
    return static_cast<int>(graph_.values.size()) - 1;
  }

  // Values are shared by all layers: they are made once, and layers run one after the other.
  int value(int& slot, std::string name, uint64_t width, bool quantized = false) {
    if (slot < 0) slot = add_value(std::move(name), width, quantized);
    return slot;
  }

  void add(Step step) {
    step.layer = layer_;
    graph_.layers.push_back(step);
  }
  void norm(int input, const std::vector<float>& weight, int output) {
    add({StepKind::rms_norm, input, -1, output, -1, nullptr, &weight});
  }
  void quantize(int input, int output) { add({StepKind::quantize, input, -1, output}); }
  void matmul(const Tensor& matrix, int input, int output) {
    add({StepKind::matmul, input, -1, output, -1, &matrix});
  }

  void attention(const Layer& layer) {
    const int q = value(q_, "query", shape_.query_length());
    const int k = value(k_, "key", shape_.key_value_length());
    const int v = value(v_, "value", shape_.key_value_length());
    const int a = value(a_, "attention", shape_.query_length());
    const int aq = value(aq_, "attention.quantized", shape_.query_length(), true);
    norm(graph_.hidden, layer.attention_norm, x_);
    quantize(x_, xq_);
    matmul(layer.query, xq_, q);
    matmul(layer.key, xq_, k);
    matmul(layer.value, xq_, v);
    add({StepKind::rope, -1, -1, q});
    add({StepKind::rope, -1, -1, k});
    add({StepKind::store_kv, k, v, -1});
    add({StepKind::attention, q, -1, a});
    if (shape_.sub_norms) norm(a, layer.attention_sub_norm, a);
    quantize(a, aq);
    matmul(layer.attention_output, aq, x_);
    add({StepKind::add, x_, -1, graph_.hidden});
  }

  void feed_forward(const Layer& layer) {
    const uint64_t f = shape_.feed_forward_length;
    const int g = value(g_, "gate", f), u = value(u_, "up", f), fq = value(fq_, "gated.quantized", f, true);
    norm(graph_.hidden, layer.feed_forward_norm, x_);
    quantize(x_, xq_);
    matmul(layer.gate, xq_, g);
    matmul(layer.up, xq_, u);
    add({StepKind::gate, g, u, g});
    if (shape_.sub_norms) norm(g, layer.feed_forward_sub_norm, g);
    quantize(g, fq);
    matmul(layer.down, fq, x_);
    add({StepKind::add, x_, -1, graph_.hidden});
  }

  const Model& model_;
  const Hyperparameters& shape_;
  Graph graph_;
  int layer_ = -1;
  int x_ = -1, xq_ = -1;
  int q_ = -1, k_ = -1, v_ = -1, a_ = -1, aq_ = -1;
  int g_ = -1, u_ = -1, fq_ = -1;
};

// How the threads share a step out. Steps by rows keep a row on one thread; so do steps by cached head.
enum class Sharing { rows, outputs, heads, queries };

Sharing sharing_of(StepKind kind) {
  switch (kind) {
    case StepKind::embed:
    case StepKind::rms_norm:
    case StepKind::quantize:
    case StepKind::rope:
    case StepKind::add:
    case StepKind::gate: return Sharing::rows;
    case StepKind::matmul: return Sharing::outputs;
    case StepKind::store_kv: return Sharing::heads;
    case StepKind::attention: return Sharing::queries;
  }
  return Sharing::rows;
}

}  // namespace

Graph build_graph(const Model& model) {
  return GraphBuilder(model).run();
}

std::vector<size_t> step_groups(const Graph& graph, const std::vector<Step>& steps) {
  std::vector<size_t> groups;
  std::vector<bool> written(graph.values.size());  // since the last border
  Sharing sharing = Sharing::rows;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const Sharing wanted = sharing_of(step.kind);
    const auto was_written = [&](int value) { return value >= 0 && written[value]; };
    // Steps by rows keep to the rows of their thread; of other kinds, only independent ones stand together.
    const bool depends = was_written(step.input) || was_written(step.second) || was_written(step.output);
    if (groups.empty() || wanted != sharing || (wanted != Sharing::rows && depends)) {
      groups.push_back(i);
      written.assign(written.size(), false);
      sharing = wanted;
    }
    if (step.output >= 0) written[step.output] = true;
  }
  return groups;
}

}  // namespace tern::runtime
