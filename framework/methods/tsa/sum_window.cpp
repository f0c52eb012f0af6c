// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/sum_window.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <set>
#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr const char* kMessage = "class statistics";

}  // namespace

SumWindow::SumWindow(SumOrder order, int64_t streams, BatchSums none)
    : order_(order), streams_(streams), none_(std::move(none)) {}

void SumWindow::decay(double rate, bool counts) {
  if (rate == 1) return;
  for (auto& [key, row] : rows_) row.sums.slice(1, counts ? 0 : 1).mul_(rate);
}

void SumWindow::add(int64_t stream, const SampleIds& ids, const at::Tensor& sums) {
  SEMISEG_CHECK(std::ssize(ids) == sums.size(0), "one id for each row of sums");
  SEMISEG_CHECK(std::set<int64_t>(ids.begin(), ids.end()).size() == ids.size(),
                "the samples of a stream have ids of their own");
  for (int64_t i = 0; i < sums.size(0); ++i) {
    Row& row = rows_[{stream, ids[static_cast<size_t>(i)]}];
    row.sums = row.sums.defined() ? row.sums + sums[i] : sums[i];
    row.own = true;
  }
}

at::Tensor SumWindow::own_rows() const {
  std::vector<at::Tensor> rows;
  for (const auto& [key, row] : rows_) {
    if (row.own) rows.push_back(row.sums);
  }
  return rows.empty() ? none_.values.unsqueeze(0).slice(0, 0, 0) : at::stack(rows);
}

at::Tensor SumWindow::packed_own() const {
  std::vector<double> keys;
  for (const auto& [key, row] : rows_) {
    if (row.own)
      keys.insert(keys.end(), {static_cast<double>(key.first), static_cast<double>(key.second)});
  }
  const at::Tensor rows = own_rows();
  const at::Tensor places = at::tensor(keys, at::kDouble).view({-1, 2}).to(rows.device());
  return at::cat({places, rows.flatten(1)}, 1);
}

void SumWindow::exchange(const Communicator& comm) {
  SEMISEG_CHECK(!pending_, "no message under way");
  const at::NoGradGuard no_grad;
  // Every rank has one row for each stream, unless rows are of samples.
  const at::Tensor all = order_ == SumOrder::kPerSample ? comm.gather_uneven(packed_own(), kMessage)
                                                        : comm.gather(packed_own(), kMessage);
  const at::Tensor places = all.narrow(1, 0, 2).to(at::kCPU).to(at::kLong).contiguous();
  const at::Tensor sums = all.slice(1, 2).reshape({-1, none_.values.size(0), none_.values.size(1)});
  const int64_t* place = places.const_data_ptr<int64_t>();
  std::map<Key, Row> found;
  for (int64_t i = 0; i < sums.size(0); ++i, place += 2) {
    const bool is_new = found.emplace(Key{place[0], place[1]}, Row{sums[i], false}).second;
    SEMISEG_CHECK(is_new, "sample " + std::to_string(place[1]) + " is on two ranks");
  }
  found.merge(rows_);
  rows_ = std::move(found);
}

void SumWindow::start(const Communicator& comm) {
  if (order_ != SumOrder::kAllReduce) return;
  message_ = own_rows();
  SEMISEG_CHECK(message_.size(0) == streams_, "one row for each stream");
  pending_ = comm.start_all_reduce(message_, kMessage);
}

std::vector<BatchSums> SumWindow::finish(const Communicator& comm) {
  const at::NoGradGuard no_grad;
  std::vector<BatchSums> totals = no_sums();
  const auto add_row = [&](int64_t stream, const at::Tensor& row) {
    totals[static_cast<size_t>(stream)].values.add_(row);
  };
  if (order_ == SumOrder::kAllReduce) {
    if (!pending_) start(comm);
    pending_->wait();
    pending_.reset();
    for (int64_t stream = 0; stream < streams_; ++stream) add_row(stream, message_[stream]);
    // Rows of ranks that existed before a resume with fewer ranks.
    for (const auto& [key, row] : rows_) {
      if (key.second >= comm.size()) add_row(key.first, row.sums);
    }
  } else {
    exchange(comm);
    for (const auto& [key, row] : rows_) add_row(key.first, row.sums);
  }
  rows_.clear();
  return totals;
}

std::vector<BatchSums> SumWindow::no_sums() const {
  std::vector<BatchSums> sums;
  for (int64_t i = 0; i < streams_; ++i)
    sums.push_back({at::zeros_like(none_.values), none_.features});
  return sums;
}

void SumWindow::state(StateVisitor& visitor) {
  SEMISEG_CHECK(!pending_, "no message under way");
  auto size = std::ssize(rows_);
  visitor.scalar("rows", size);
  at::Tensor keys, sums;  // undefined for no rows
  if (size > 0) {
    keys = at::zeros({size, 3}, at::kLong);
    sums = none_.values.repeat({size, 1, 1});
  }
  if (size == std::ssize(rows_)) {
    int64_t place = 0;
    for (const auto& [key, row] : rows_) {
      keys[place] = at::tensor({key.first, key.second, int64_t{row.own}}, at::kLong);
      sums[place++].copy_(row.sums);
    }
  }
  visitor.tensor("keys", keys);
  visitor.tensor("sums", sums);
  rows_.clear();
  for (int64_t i = 0; i < size; ++i) {
    const int64_t* key = keys[i].const_data_ptr<int64_t>();
    rows_[{key[0], key[1]}] = {sums[i], key[2] != 0};
  }
}

}  // namespace semiseg
