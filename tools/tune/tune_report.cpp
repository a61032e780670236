#include "tools/tune/tune_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "autotune/search/model_quality.h"
#include "base/statistics.h"
#include "runtime/session/tune_tasks.h"
#include "tools/tune/svg.h"
#include "tools/tune/tune_charts.h"
#include "tools/tune/tune_report_style.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

using autotune::Bucket;
using autotune::Evaluation;
using autotune::ShapeOutcome;
using autotune::TuneResult;

// A search that is there to be drawn.
bool has_figures(const ShapeOutcome& shape) {
  return !shape.known() && !shape.layouts.empty();
}

std::string rows_text(int64_t m) {
  return m == 1 ? "1 row" : fmt::format("{} rows", m);
}

// Where no instruction was measured, or look-ups are faster than it, the best kernel makes the roof.
Roofs roofs_of(const TuneResult& result, const autotune::Machine& machine) {
  double best = 0;
  for (const ShapeOutcome& shape : result.shapes) {
    for (size_t b = 0; b < shape.choice.kernels.size(); ++b)
      best = std::max(best, products_of(shape.choice.kernels[b].problem) / shape.choice.seconds[b]);
    if (!has_figures(shape)) continue;
    for (const Bucket& bucket : shape.search->buckets()) {
      for (const size_t i : by_ratio(bucket))
        best = std::max(best,
                        products_of(bucket.problem) / bucket.evaluations[i].seconds(bucket.default_seconds));
    }
  }
  return {machine.bytes_per_second, std::max(best, machine.products_per_second),
          best > machine.products_per_second};
}

// The time of a session's matrix products with the default kernels, over that with the tuned ones.
double session_speed_up(const TuneResult& result) {
  double untuned = 0, tuned = 0;
  for (const ShapeOutcome& shape : result.shapes) {
    for (size_t b = 0; b < shape.choice.kernels.size(); ++b) {
      const double seconds = shape.task.matrices * shape.task.demands[b].calls * shape.choice.seconds[b];
      tuned += seconds;
      untuned += seconds / shape.choice.ratios[b];
    }
  }
  return tuned > 0 ? untuned / tuned : 1;
}

std::string header(const TuneReport& about) {
  std::vector<std::string> caches;
  for (const targets::Cache& cache : about.provenance.caches)
    caches.push_back(fmt::format("L{} {} KiB", cache.level, cache.size_bytes / 1024));
  return fmt::format(
      "<h1>Tuned kernels</h1>\n<p>{}<br/><span class=\"soft\">{} · {} · {} threads, vectors of {} bits, {} · "
      "{}, LLVM {}, kernels of generator {}</span></p>\n",
      escaped(about.machine_name), escaped(about.date), escaped(about.provenance.cpu), about.machine.threads,
      about.provenance.vector_bits, escaped(fmt::format("{}", fmt::join(caches, ", "))),
      escaped(about.version), escaped(about.provenance.llvm), about.provenance.generator);
}

std::string tile(const std::string& figure, const std::string& what) {
  return fmt::format("<div><b>{}</b><span>{}</span></div>\n", escaped(figure), escaped(what));
}

std::string summary(const TuneResult& result, const TuneReport& about, const Roofs& roofs) {
  size_t seen = 0, compiled = 0, measured = 0, ended = 0;
  for (const ShapeOutcome& shape : result.shapes) {
    seen += shape.seen;
    compiled += shape.compiled;
    measured += shape.measured;
    ended += shape.choice.complete;
  }
  std::string html = "<div class=\"tiles\">\n";
  html += tile(fmt::format("{:.2f}x", session_speed_up(result)), "as fast: the matrix products of a session");
  html += tile(fmt::format("{:.1f} s", result.seconds),
               result.interrupted ? "of tuning, interrupted" : "of tuning");
  html += tile(fmt::format("{}", measured),
               fmt::format("kernels measured, of {} tried and {} right", seen, compiled));
  html += tile(fmt::format("{} of {}", ended, result.shapes.size()), "searches came to their end");
  html += tile(fmt::format("{:.1f} %", 100 * result.noise),
               fmt::format("noise: a kernel against itself; {} of {} races had over 10 %", result.noisy_races,
                           result.races));
  html += tile(quantity_text(about.machine.bytes_per_second, "B/s"), "read from memory");
  html += tile(quantity_text(roofs.products_per_second, "/s"),
               roofs.best_is_peak ? "products: the best kernel" : "products, on registers alone");
  html += "</div>\n";
  if (2 * result.noisy_races > result.races)
    html +=
        "<p><b>The machine was too noisy to tell close kernels apart.</b> Is it busy with something "
        "else?</p>\n";
  return html;
}

std::string bar(double share) {
  return fmt::format("<span class=\"bar\"><i style=\"width:{:.0f}%\"></i></span>",
                     100 * std::clamp(share, 0.0, 1.0));
}

std::string winner_name(const ShapeOutcome& shape, size_t b) {
  if (has_figures(shape))
    return print(shape.search->buckets()[b].evaluations[shape.layouts[0].evaluations[b]].candidate.recipe);
  const ir::Kernel& kernel = shape.choice.kernels[b];
  return fmt::format("{} {} (known before)", info(kernel.weights.packing).name, name(kernel.strategy()));
}

std::string table_row(const ShapeOutcome& shape, size_t b, double max_speed_up, const Roofs& roofs) {
  const ir::Kernel& kernel = shape.choice.kernels[b];
  const double seconds = shape.choice.seconds[b], ratio = shape.choice.ratios[b];
  const double products = products_of(kernel.problem);
  const double of_roof = products / seconds / roofs.products(products / weight_bytes(kernel));
  return fmt::format(
      "<tr{}><td class=\"shape\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
      "<td class=\"number\">{}</td><td class=\"number\">{:.2f}x{}</td><td class=\"number\">{:.0f} %{}</td>"
      "<td>{}</td></tr>\n",
      b == 0 ? " class=\"first\"" : "",
      b > 0 ? std::string()
            : escaped(runtime::shape_text(shape.task.problem)) +
                  (shape.task.matrices > 1
                       ? fmt::format(" <span class=\"soft\">· {:.0f} of them</span>", shape.task.matrices)
                       : std::string()),
      kernel.problem.m, quantity_text(seconds / ratio, "s"), quantity_text(seconds, "s"), 1 / ratio,
      bar(1 / ratio / max_speed_up), 100 * of_roof, bar(of_roof), escaped(winner_name(shape, b)));
}

std::string table(const TuneResult& result, const Roofs& roofs) {
  double largest = 1;
  for (const ShapeOutcome& shape : result.shapes) {
    for (const double ratio : shape.choice.ratios) largest = std::max(largest, 1 / ratio);
  }
  std::string html =
      "<div class=\"wide\"><table>\n<tr><th>outputs x inputs</th><th class=\"number\">rows</th>"
      "<th class=\"number\">default</th><th class=\"number\">tuned</th><th class=\"number\">speed-up</th>"
      "<th class=\"number\">of the roof</th><th>kernel</th></tr>\n";
  for (const ShapeOutcome& shape : result.shapes) {
    for (size_t b = 0; b < shape.choice.kernels.size(); ++b) html += table_row(shape, b, largest, roofs);
  }
  return html + "</table></div>\n";
}

std::string cost_model(const std::vector<const autotune::ShapeSearch*>& searches) {
  std::string rows;
  for (const autotune::ModelQuality& row : model_quality(searches)) {
    if (row.count == 0) continue;
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{:.2f}</td>"
        "<td class=\"number\">{:.0f} %</td><td class=\"number\">{:.1f}x</td></tr>\n",
        escaped(row.kernels), row.count, row.rank_correlation, 100 * row.top_ten, row.worst_factor);
  }
  if (rows.empty()) return {};
  return "<h2>The cost model</h2>\n<p class=\"soft\">It decides what is measured first, and nothing else. "
         "Ranks are correlated (Spearman) for each shape and number of rows; these are means.</p>\n"
         "<table>\n<tr><th>kernels</th><th class=\"number\">measured</th><th class=\"number\">rank "
         "correlation</th>"
         "<th class=\"number\">best among its first ten</th><th class=\"number\">off by at most</th></tr>\n" +
         rows + "</table>\n";
}

// The colours and marks of all figures.
std::string key() {
  const auto entry = [](std::string_view drawing, std::string_view text) {
    return fmt::format("<li><svg viewBox=\"0 0 16 16\">{}</svg>{}</li>\n", drawing, text);
  };
  std::string html = "<ul class=\"key\">\n";
  for (const ir::Strategy strategy : ir::all_strategies)
    html += entry(fmt::format("<circle class=\"p {}\" cx=\"8\" cy=\"8\" r=\"4.5\"/>", name(strategy)),
                  name(strategy));
  html += entry("<circle class=\"winner\" cx=\"8\" cy=\"8\" r=\"6\"/>", "chosen");
  html += entry("<path class=\"p\" d=\"M8 2l6 6l-6 6l-6 -6z\"/>", "default kernel");
  html +=
      entry("<circle class=\"p faint\" cx=\"8\" cy=\"8\" r=\"4.5\"/>", "timed with weights from cache alone");
  html += entry("<rect class=\"noise\" x=\"1\" y=\"3\" width=\"14\" height=\"10\"/>", "noise");
  return html + "</ul>\n";
}

std::string figure(const std::string& caption, const std::string& svg) {
  return fmt::format("<figure><figcaption>{}</figcaption>\n{}</figure>\n", escaped(caption), svg);
}

std::string runners_up(const Bucket& bucket, size_t winner) {
  constexpr size_t shown = 6;
  const Evaluation& best = bucket.evaluations[winner];
  const double ratio = best.ratio.value;
  std::string rows;
  size_t count = 0;
  for (const size_t i : by_ratio(bucket)) {
    if (i == winner || count++ >= shown) continue;
    const Evaluation& evaluation = bucket.evaluations[i];
    const Estimate own = evaluation.ratio;
    rows += fmt::format(
        "<tr><td class=\"number\">{:+.1f} %</td><td class=\"number\">{}</td><td>{}</td>"
        "<td><code>{}</code></td></tr>\n",
        100 * (own.value / ratio - 1), fmt::format("± {:.1f}", 100 * own.error / ratio),
        kernels::same_layouts(evaluation.candidate.kernel, best.candidate.kernel) ? "same layout"
                                                                                  : "other layout",
        escaped(print(evaluation.candidate)));
  }
  if (rows.empty()) return {};
  return "<details><summary>The next best</summary>\n<div class=\"wide\"><table>\n" + rows +
         "</table></div></details>\n";
}

std::string refusals(const Bucket& bucket) {
  std::map<std::string, size_t> reasons;
  for (const Evaluation& evaluation : bucket.evaluations) {
    if (!evaluation.refused.empty()) ++reasons[evaluation.refused];
  }
  if (reasons.empty()) return {};
  std::string html = "<details><summary>Refused, and why</summary>\n<ul>\n";
  for (const auto& [reason, count] : reasons)
    html += fmt::format("<li>{} kernels: {}</li>\n", count, escaped(reason));
  return html + "</ul></details>\n";
}

std::string bucket_section(const Bucket& bucket, size_t winner) {
  const Evaluation& best = bucket.evaluations[winner];
  const Estimate ratio = best.ratio;
  std::string html = fmt::format(
      "<h3>{}</h3>\n<p>{}: {:.3f} ± {:.3f} of the default kernel's {}, over {} "
      "rounds.{}<br/><code>{}</code><br/>"
      "<code>{}</code></p>\n",
      rows_text(bucket.demand.m), quantity_text(best.seconds(bucket.default_seconds), "s"), ratio.value,
      ratio.error, quantity_text(bucket.default_seconds, "s"), ratio.count,
      best.tables_seconds > 0
          ? fmt::format(" Its tables take {} more.", quantity_text(best.tables_seconds, "s"))
          : std::string(),
      escaped(print(best.candidate)), escaped(print(best.candidate.kernel.weights)));
  if (best.prediction)
    html += fmt::format("<p class=\"soft\">Its limit, by the cost model: {}</p>\n",
                        escaped(best.prediction->limit));
  html += figure(
      "Tuning landscape: each candidate's time as a ratio to the default kernel's, with its "
      "standard error.",
      landscape(bucket, winner));
  html +=
      figure(fmt::format("Noise: the default kernel against itself, typically {:.1f} % off, and the winner "
                         "against its own median.",
                         100 * bucket.noise()),
             noise_plot(bucket, winner));
  return html + runners_up(bucket, winner) + refusals(bucket);
}

std::string shape_section(const ShapeOutcome& shape, const Roofs& roofs) {
  const autotune::LayoutCandidate& best = shape.layouts[0];
  std::string html = fmt::format(
      "<h2>{}</h2>\n<p class=\"soft\">{} candidates, {} of them right, {} measured; {}</p>\n",
      escaped(runtime::shape_text(shape.task.problem)), shape.seen, shape.compiled, shape.measured,
      shape.choice.complete ? "the search came to its end."
                            : "the search was cut short: tuning again goes on.");
  html += "<div class=\"pair\">\n";
  html += figure(fmt::format("Roofline: what memory and {} allow.",
                             roofs.best_is_peak ? "the best kernel of all" : "the instruction for products"),
                 roofline(*shape.search, best, roofs));
  std::string caption = "Predicted against measured.";
  std::vector<std::string> correlations;
  for (const autotune::ModelQuality& row : autotune::model_quality({shape.search.get()})) {
    if (row.count > 0) correlations.push_back(fmt::format("{} {:.2f}", row.kernels, row.rank_correlation));
  }
  if (!correlations.empty()) caption += fmt::format(" Rank correlation: {}.", fmt::join(correlations, ", "));
  html += figure(caption, prediction_plot(*shape.search, best));
  html += "</div>\n";
  for (size_t b = 0; b < shape.search->buckets().size(); ++b)
    html += bucket_section(shape.search->buckets()[b], best.evaluations[b]);
  return html;
}

}  // namespace

std::string report_html(const TuneResult& result, const TuneReport& about) {
  const Roofs roofs = roofs_of(result, about.machine);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<title>Tuned kernels: {}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
      escaped(about.provenance.cpu), report_style);
  html += header(about) + summary(result, about, roofs) + table(result, roofs);
  std::vector<const autotune::ShapeSearch*> searches;
  for (const ShapeOutcome& shape : result.shapes) {
    if (has_figures(shape)) searches.push_back(shape.search.get());
  }
  html += cost_model(searches);
  if (!searches.empty())
    html +=
        "<h2>Shape by shape</h2>\n<p class=\"soft\">A shape's weights are packed once, for all numbers of "
        "rows: "
        "what is chosen is best for a session, and need not be the fastest for each. Rest the pointer on a "
        "mark to "
        "see which kernel it is.</p>\n" +
        key();
  for (const ShapeOutcome& shape : result.shapes) {
    if (has_figures(shape)) html += shape_section(shape, roofs);
  }
  html += fmt::format("<footer>Records: <code>{}</code></footer>\n</main>\n</body>\n</html>\n",
                      escaped(about.records));
  return html;
}

}  // namespace tern::tools
