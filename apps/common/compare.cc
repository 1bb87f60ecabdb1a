#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "papilio/apps/common/trials.h"
#include "papilio/core/error.h"
#include "papilio/core/log.h"

namespace papilio::apps {
namespace {

std::string rate_text(double rate) { return concat(rate); }

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

bool diverged(const Config& report) { return report.contains("diverged"); }

Tried tried(double rate, const Config& report, Criterion criterion, const std::string& run) {
  const Config* loss = report.find("best_validation_loss");
  check(loss || criterion != Criterion::loss || diverged(report), "the report of ", run,
        " has no validation loss, it is of an older version; take another --out, or "
        "--choose-by accuracy");
  return {rate, report.at("best_validation_accuracy").as_double(),
          loss ? loss->as_double() : std::numeric_limits<double>::infinity()};
}

// The best of some runs, the first of equals.
double best_rate(std::span<const Tried> runs, Criterion criterion) {
  const auto worse = [&](const Tried& a, const Tried& b) {
    return criterion == Criterion::loss ? a.validation_loss > b.validation_loss
                                        : a.validation_accuracy < b.validation_accuracy;
  };
  return std::max_element(runs.begin(), runs.end(), worse)->rate;
}

// Tries the rates that have not been tried; false when interrupted.
bool search(const Comparison& c, const TrialOptions& options, std::vector<MethodResult>& results,
            const std::vector<std::vector<double>>& rates) {
  std::vector<Trial> trials;
  std::vector<std::pair<size_t, double>> of;
  for (size_t m = 0; m < c.methods.size(); ++m)
    for (const double rate : rates[m]) {
      trials.push_back({concat("search-", c.methods[m].name, "-", rate_text(rate)),
                        joined({c.common,
                                c.methods[m].arguments,
                                c.search,
                                {"--seed", "0", "--lr", rate_text(rate)}}),
                        true});
      of.emplace_back(m, rate);
    }
  const auto reports = run_trials(trials, options);
  if (!reports) return false;
  for (size_t i = 0; i < of.size(); ++i)
    results[of[i].first].search.push_back(
        tried(of[i].second, (*reports)[i], c.criterion, trials[i].name));
  for (MethodResult& r : results) {
    std::ranges::sort(r.search, {}, &Tried::rate);
    r.rate = best_rate(r.search, c.criterion);
  }
  return true;
}

// For every method whose best rate is the last of its grid, the one beyond it.
std::vector<std::vector<double>> beyond(const std::vector<MethodResult>& results) {
  std::vector<std::vector<double>> more(results.size());
  for (size_t m = 0; m < results.size(); ++m) {
    const auto& tried = results[m].search;
    if (tried.size() >= 12) continue;  // the accuracy does not depend on it
    if (results[m].rate == tried.front().rate)
      more[m] = {results[m].rate / 2};
    else if (results[m].rate == tried.back().rate)
      more[m] = {results[m].rate * 2};
  }
  return more;
}

constexpr int kMostAttempts = 8;  // until no final run diverges

// The final runs of the methods that are not done; false when interrupted. The names of the first
// attempt have no rate.
bool run_finals(const Comparison& c, const TrialOptions& options, int attempt,
                std::vector<MethodResult>& results, std::vector<bool>& done) {
  std::vector<Trial> trials;
  std::vector<size_t> of;
  int most = 0;
  for (const Method& method : c.methods) most = std::max(most, method.seeds);
  for (int seed = 0; seed < most; ++seed)
    for (size_t m = 0; m < c.methods.size(); ++m) {
      if (done[m] || seed >= c.methods[m].seeds) continue;
      const std::string rate = rate_text(results[m].rate);
      trials.push_back({concat(c.methods[m].name, "-seed", seed, attempt > 0 ? "-lr-" + rate : ""),
                        joined({c.common,
                                c.methods[m].arguments,
                                c.final,
                                {"--seed", std::to_string(seed), "--lr", rate}}),
                        true});
      of.push_back(m);
    }
  const auto reports = run_trials(trials, options);
  if (!reports) return false;
  for (const size_t m : of) results[m].runs.clear(), done[m] = true;
  for (size_t i = 0; i < of.size(); ++i) {
    results[of[i]].runs.push_back((*reports)[i]);
    if (diverged((*reports)[i])) done[of[i]] = false;
  }
  return true;
}

// The best of the smaller rates that were tried, or half of this one.
void lower_rate(MethodResult& r, Criterion criterion) {
  const auto end = std::ranges::find_if(r.search, [&](const Tried& t) { return t.rate >= r.rate; });
  logging::info(concat(r.name, " diverges with the learning rate ", r.rate));
  r.rate = end == r.search.begin() ? r.rate / 2 : best_rate({r.search.begin(), end}, criterion);
}

}  // namespace

std::optional<std::vector<MethodResult>> compare(const Comparison& c, const TrialOptions& options) {
  check(!c.rates.empty() && !c.methods.empty(), "a comparison needs methods and learning rates");
  std::vector<MethodResult> results(c.methods.size());
  for (size_t m = 0; m < results.size(); ++m)
    results[m].name = c.methods[m].name, results[m].rate = c.rates.front();
  std::vector<std::vector<double>> rates(c.methods.size(), c.rates);
  const auto any = [](const auto& lists) {
    return std::any_of(lists.begin(), lists.end(), [](const auto& list) { return !list.empty(); });
  };
  if (c.rates.size() > 1) do {
      if (!search(c, options, results, rates)) return {};
      rates = c.extend ? beyond(results) : decltype(rates)();
    } while (any(rates));

  std::vector<bool> done(results.size(), false);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (!run_finals(c, options, attempt, results, done)) return {};
    for (size_t m = 0; m < results.size(); ++m)
      if (!done[m]) lower_rate(results[m], c.criterion);
  }
  for (size_t m = 0; m < results.size(); ++m)
    check(done[m], "every learning rate of ", results[m].name, " diverges, down to ",
          results[m].rate, "; give smaller ones with --lr");
  return results;
}

Spread spread(const std::vector<double>& values) {
  Spread s{.count = static_cast<int>(values.size())};
  for (const double v : values) s.mean += v / s.count;
  for (const double v : values) s.deviation += (v - s.mean) * (v - s.mean);
  s.deviation = s.count > 1 ? std::sqrt(s.deviation / (s.count - 1)) : 0;
  return s;
}

std::vector<double> values(const MethodResult& result, const std::string& key) {
  std::vector<double> all;
  for (const Config& run : result.runs) all.push_back(run.at(key).as_double());
  return all;
}

Spread paired_difference(const MethodResult& a, const MethodResult& b, const std::string& key) {
  std::vector<double> differences = values(a, key);
  const std::vector<double> other = values(b, key);
  differences.resize(std::min(differences.size(), other.size()));
  for (size_t i = 0; i < differences.size(); ++i) differences[i] -= other[i];
  return spread(differences);
}

}  // namespace papilio::apps
