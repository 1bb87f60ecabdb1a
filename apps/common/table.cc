#include "papilio/apps/common/table.h"

#include <cmath>

#include "papilio/apps/common/app.h"
#include "papilio/core/error.h"
#include "papilio/core/log.h"

namespace papilio::apps {

void add_table_options(CLI::App& app, TableOptions& o, const TableTexts& texts) {
  app.add_option("--data", o.data, concat("Data set, as ", texts.trainer, " takes it"))
      ->required()
      ->type_name("NAME:DIR");
  app.add_option("--out", o.out, "Folder of all runs")->required()->type_name("DIR");
  app.add_option("--structured-lr", o.structured_lr,
                 "Factor on the learning rate of " + texts.structured)
      ->capture_default_str();
  app.add_option("--batch", o.batch, "Images in a step")->capture_default_str();
  app.add_option("--epochs", o.epochs, "Of the final runs")->capture_default_str();
  app.add_option("--lr", o.rates, texts.rates)->delimiter(',')->capture_default_str();
  app.add_option("--search-epochs", o.search_epochs,
                 "Of the runs that choose it" + texts.search_epochs)
      ->capture_default_str();
  app.add_option("--choose-by", o.choose_by, "What of the validation part chooses it")
      ->check(CLI::IsMember({"accuracy", "loss"}))
      ->capture_default_str();
  app.add_option("--validation", o.validation, "Share of the training set kept for validation")
      ->capture_default_str();
  app.add_option("--workers", o.workers, "Threads of each run that prepare batches")
      ->capture_default_str();
  app.add_option("--parallel", o.parallel, "Runs at a time; 0 = one a core")
      ->check(not_negative())
      ->capture_default_str();
}

std::optional<std::vector<MethodResult>> compare(Comparison comparison, const std::string& trainer,
                                                 const TableOptions& o) {
  comparison.criterion = o.choose_by == "loss" ? Criterion::loss : Criterion::accuracy;
  auto results = compare(comparison, {.program = trainer, .folder = o.out, .parallel = o.parallel});
  if (!results) logging::info("interrupted; the same command goes on from here");
  return results;
}

void add_outcome(Config& row, const MethodResult& result, const MethodResult& first) {
  row["learning_rate"] = result.rate;
  Config search = Config::Array{};
  for (const Tried& t : result.search) {
    Config run = {{"learning_rate", t.rate}, {"validation_accuracy", t.validation_accuracy}};
    if (std::isfinite(t.validation_loss)) run["validation_loss"] = t.validation_loss;
    search.push_back(run);
  }
  row["search"] = search;
  const Spread accuracy = spread(values(result, "test_accuracy"));
  row["seeds"] = accuracy.count;
  row["accuracy"] = accuracy.mean;
  row["spread"] = accuracy.deviation;
  if (&result == &first) return;
  const Spread difference = paired_difference(result, first, "test_accuracy");
  row["difference"] = difference.mean;
  if (difference.count > 1)
    row["standard_error"] = difference.deviation / std::sqrt(difference.count);
}

}  // namespace papilio::apps
