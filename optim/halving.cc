#include "papilio/optim/halving.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/core/threads.h"

namespace papilio::optim {
namespace {

using Clock = std::chrono::steady_clock;

struct Entry {
  int64_t number;
  std::vector<double> losses;    // at the end of each rung
  std::unique_ptr<Trial> trial;  // null after resuming, until it is needed
  bool running = false;

  double loss() const { return losses.back(); }
};

class Search {
 public:
  Search(const std::function<std::unique_ptr<Trial>(int64_t)>& make, const HalvingOptions& options)
      : make_(make), options_(options) {
    check(
        options.trials >= 1 && options.rungs >= 1 && options.reduction >= 2 && options.workers >= 1,
        "search: needs trials, rungs and workers >= 1 and reduction >= 2");
    if (!options.state_file.empty() && std::filesystem::exists(options.state_file)) restore();
  }

  HalvingResult run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.workers; ++i)
      threads.emplace_back([this] {
        try {
          set_threads(1);
          work();
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (!failure_) failure_ = std::current_exception();
          done_ = true;
        }
        changed_.notify_all();
      });
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    save();
    return result();
  }

 private:
  double seconds() const {
    return earlier_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }
  bool stopped() {
    if (done_) return true;
    if (options_.stop && options_.stop()) interrupted_ = done_ = true;
    if (seconds() > options_.budget_seconds) done_ = true;
    return done_;
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!stopped()) {
      Entry* entry = next();
      if (entry == nullptr) {
        if (running_ == 0) return;
        changed_.wait_for(lock, std::chrono::milliseconds(100));
        continue;
      }
      entry->running = true;
      ++running_;
      lock.unlock();
      const double loss = advance(*entry);
      lock.lock();
      entry->running = false;
      --running_;
      if (!stopped()) record(*entry, loss);
      changed_.notify_all();
    }
  }

  // One rung further, after those that were trained before an interruption.
  double advance(Entry& entry) {
    const auto stop = [this] { return stopped(); };
    if (!entry.trial) retrain(entry, entry.losses.size(), stop);
    const double loss = entry.trial->advance(stop);
    return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
  }

  // The first `rungs` of those that were trained before an interruption.
  void retrain(Entry& entry, size_t rungs, const std::function<bool()>& stop) {
    entry.trial = make_(entry.number);
    for (size_t i = 0; i < rungs && !stop(); ++i) {
      entry.trial->advance(stop);
      if (stop()) return;
      const std::lock_guard lock(mutex_);
      keep_if_best(entry, entry.losses[i]);
    }
  }

  void record(Entry& entry, double loss) {
    entry.losses.push_back(loss);
    ++advances_;
    best_ = std::min(best_, loss);
    keep_if_best(entry, loss);
    if (loss <= options_.target) done_ = true;
    if (options_.progress) options_.progress({std::ssize(entries_), advances_, best_, seconds()});
    if (seconds() > saved_ + 1) save();
  }

  // Trials go on, and a rung that is cut short may leave them anywhere: so the best is a copy.
  void keep_if_best(const Entry& entry, double loss) {
    if (loss >= kept_loss_) return;
    kept_ = entry.trial->clone();
    kept_number_ = entry.number;
    kept_loss_ = loss;
  }

  // Trials that may go on from `rung`, as one of the best of all that ended it.
  Entry* promotable(int64_t rung, bool best_anyway) {
    std::vector<Entry*> ended;
    const auto after = static_cast<size_t>(rung);
    for (const auto& entry : entries_)
      if (entry->losses.size() > after) ended.push_back(entry.get());
    std::ranges::sort(ended, {}, [&](const Entry* e) { return e->losses[after]; });
    const auto count = std::ssize(ended) / options_.reduction;
    for (int64_t i = 0; i < (best_anyway ? std::ssize(ended) : count); ++i) {
      Entry* entry = ended[static_cast<size_t>(i)];
      if (entry->losses.size() == after + 1 && !entry->running &&
          entry->loss() < std::numeric_limits<double>::infinity())
        return entry;
    }
    return nullptr;
  }

  // Null when there is nothing to do for now.
  Entry* next() {
    for (int64_t rung = options_.rungs - 1; rung-- > 0;)
      if (Entry* entry = promotable(rung, false)) return entry;
    if (std::ssize(entries_) < options_.trials) {
      entries_.push_back(std::make_unique<Entry>());
      entries_.back()->number = std::ssize(entries_) - 1;
      return entries_.back().get();
    }
    if (running_ > 0) return nullptr;
    // The last ones to end: a trial or two have no third to be better than.
    const bool one_is_complete = std::ranges::any_of(
        entries_, [&](const auto& entry) { return std::ssize(entry->losses) == options_.rungs; });
    for (int64_t rung = options_.rungs - 1; rung-- > 0 && !one_is_complete;)
      if (Entry* entry = promotable(rung, true)) return entry;
    // New after an interruption, and still without a loss.
    for (const auto& entry : entries_)
      if (entry->losses.empty() && !entry->running) return entry.get();
    return nullptr;
  }

  HalvingResult result() {
    if (kept_loss_ > best_) retrain_best();
    if (kept_loss_ > best_)
      logging::warning(concat("search: interrupted before the best trial, of loss ", best_,
                              ", was trained again; go on with the search to have it"));
    return {.trial = std::move(kept_),
            .number = kept_number_,
            .loss = kept_loss_,
            .begun = std::ssize(entries_),
            .advances = advances_,
            .seconds = seconds(),
            .interrupted = interrupted_};
  }

  // It was trained before an interruption, and not needed again since.
  void retrain_best() {
    const auto stop = [this] {
      if (options_.stop && options_.stop()) interrupted_ = true;
      return interrupted_.load();
    };
    for (const auto& entry : entries_) {
      const auto at = std::ranges::find(entry->losses, best_);
      if (at == entry->losses.end()) continue;
      retrain(*entry, static_cast<size_t>(at - entry->losses.begin()) + 1, stop);
      return;
    }
  }

  void save() {
    saved_ = seconds();
    if (options_.state_file.empty()) return;
    Config trials = Config::Array{};
    for (const auto& entry : entries_) {
      Config losses = Config::Array{};
      for (const double loss : entry->losses) losses.push_back(loss);
      trials.push_back(std::move(losses));
    }
    const Config state = {
        {"key", options_.state_key}, {"seconds", seconds()}, {"losses", std::move(trials)}};
    try {
      write_file(options_.state_file, state.dump() + "\n");
    } catch (const Error& e) {
      if (!std::exchange(warned_, true))
        logging::warning(concat("search: ", e.what(), "; an interruption will lose it"));
    }
  }

  void restore() {
    try {
      restore(Config::parse(read_file(options_.state_file)));
    } catch (const Error& e) {
      fail("search: ", options_.state_file, ": ", e.what(), "; remove it to begin anew");
    }
  }
  void restore(const Config& state) {
    check(state.get("key", "") == options_.state_key, "it is of another search");
    earlier_ = state.at("seconds").as_double();
    for (const Config& losses : state.at("losses").as_array()) {
      entries_.push_back(std::make_unique<Entry>());
      Entry& entry = *entries_.back();
      entry.number = std::ssize(entries_) - 1;
      check(std::ssize(losses.as_array()) <= options_.rungs, "trial ", entry.number, " has ",
            losses.as_array().size(), " losses, of ", options_.rungs, " rungs");
      for (const Config& loss : losses.as_array()) {
        entry.losses.push_back(loss.is_null() ? std::numeric_limits<double>::infinity()
                                              : loss.as_double());
        best_ = std::min(best_, entry.loss());
        ++advances_;
      }
    }
    if (best_ <= options_.target) done_ = true;
  }

  const std::function<std::unique_ptr<Trial>(int64_t)>& make_;
  const HalvingOptions& options_;
  const Clock::time_point start_ = Clock::now();
  double earlier_ = 0, saved_ = 0;  // seconds
  std::mutex mutex_;                // guards all below that is not atomic
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Entry>> entries_;
  int64_t running_ = 0, advances_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  std::unique_ptr<Trial> kept_;  // the best that is in memory
  int64_t kept_number_ = -1;
  double kept_loss_ = std::numeric_limits<double>::infinity();
  bool warned_ = false;
  std::atomic<bool> done_ = false, interrupted_ = false;
  std::exception_ptr failure_;
};

}  // namespace

HalvingResult search_by_halving(const std::function<std::unique_ptr<Trial>(int64_t number)>& make,
                                const HalvingOptions& options) {
  return Search(make, options).run();
}

}  // namespace papilio::optim
