#include "kernels/recipe.h"

#include <fmt/format.h>

namespace tern::kernels {
namespace {

using ir::Strategy;
using ir::TileUnit;
using ir::Unpack;

void add_dots(std::vector<Recipe>& all, ir::Packing packing) {
  for (const Unpack unpack : {Unpack::fields, Unpack::table, Unpack::multiply}) {
    if (!can_unpack(packing, unpack)) continue;
    all.push_back({packing, Strategy::dot, unpack});
    if (packing == ir::Packing::b2 && unpack == Unpack::fields) {
      for (const int in_place : {2, 3, 4}) all.push_back({packing, Strategy::dot, unpack, 1, in_place});
    }
    all.push_back({packing, Strategy::dot, unpack, 0});
    for (const TileUnit unit : {TileUnit::quads, TileUnit::pairs, TileUnit::matrices}) {
      // Pairs take two quads of inputs at a time.
      if (unit != TileUnit::pairs || row(packing).weights_per_group % 2 == 0)
        all.push_back({packing, Strategy::tile, unpack, 1, 1, false, unit});
    }
  }
}

void add_lookups(std::vector<Recipe>& all, ir::Packing packing) {
  for (const bool quads : {false, true}) {
    if (can_look_up(packing, quads)) all.push_back({packing, Strategy::lookup, Unpack::fields, 0, 1, quads});
  }
}

std::string_view name(TileUnit unit) {
  switch (unit) {
    case TileUnit::quads: return "quads";
    case TileUnit::pairs: return "pairs";
    case TileUnit::matrices: return "matrices";
  }
  return {};
}

}  // namespace

std::string print(const Recipe& recipe) {
  std::string text = fmt::format("{} {}", row(recipe.packing).name, ir::name(recipe.strategy));
  const bool unpacks = recipe.strategy == Strategy::dot || recipe.strategy == Strategy::tile;
  if (recipe.quads) text += " quads";
  if (recipe.strategy == Strategy::tile) text += fmt::format(" {}", name(recipe.unit));
  if (unpacks && recipe.unpack != Unpack::fields) text += fmt::format(" {}", ir::name(recipe.unpack));
  if (recipe.in_place != 1) text += fmt::format(" in place {}", recipe.in_place);
  if (unpacks && recipe.offset == 0) text += " signed";
  return text;
}

std::vector<Recipe> recipes(ir::Element weight) {
  std::vector<Recipe> all;
  for (const ir::PackingRow& packing : ir::packings) {
    if (!can_hold(packing.packing, weight)) continue;
    if (!ir::matmul(1, 1, 1, ir::weights_of(weight)).is_quantized()) {
      all.push_back({packing.packing, Strategy::madd, Unpack::fields, 0});
      continue;
    }
    // Signs can be packed as trits too; only what is made for them is worth it.
    if (weight == ir::Element::sign && !packing.holds.signs) continue;
    add_dots(all, packing.packing);
    add_lookups(all, packing.packing);
    if (packing.packing == ir::Packing::planes)
      all.push_back({packing.packing, Strategy::addsub, Unpack::fields, 0});
  }
  return all;
}

std::vector<Recipe> recipes(const ir::Problem& problem) {
  std::vector<Recipe> all = recipes(problem.w.element);
  if (!problem.is_quantized() || !problem.is_grouped()) return all;
  std::erase_if(all, [&](const Recipe& recipe) { return problem.sum_group() % step_inputs(recipe) != 0; });
  return all;
}

}  // namespace tern::kernels
