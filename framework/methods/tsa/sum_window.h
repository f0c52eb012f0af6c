// SPDX-License-Identifier: Apache-2.0
// Sums of a few batches of all streams that wait for their sum over ranks, which is one message.
// Axis legend: that of class_statistics.h; E = 2 + A + P.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"
#include "framework/methods/tsa/class_statistics.h"

namespace semiseg {

// The order in which the sums of ranks are added. In every mode all ranks get the same bits.
enum class SumOrder {
  // One all-reduce of 8 C E bytes a stream, which can run beside other work. The bits may depend on
  // the number of ranks and on the library's algorithm.
  kAllReduce,
  // A gather of 8 (2 + C E) bytes a stream from each rank, added in the order of ranks: the bits
  // depend on the number of ranks alone.
  kOrdered,
  // A gather of 8 (2 + C E) bytes a sample and stream, added in the order of global sample ids: the
  // same bits on any number of ranks, given the same features. One more message, of sizes.
  kPerSample,
};

// The sums are kept in rows that are added as a whole: a row for each rank, or for each sample.
class SumWindow {
 public:
  // `none`: the shape, type and device of one row.
  SumWindow(SumOrder order, int64_t streams, BatchSums none);

  // Local. Multiplies the earlier sums by `rate`, and the undecayed counts, too, if `counts`.
  void decay(double rate, bool counts);

  // Local. Adds sums [R,C,E] to the rows of these ids: the rank, or the samples. Throws kInternal
  // when an id comes twice. Takes the tensor over.
  void add(int64_t stream, const SampleIds& ids, const at::Tensor& sums);

  // Collective. Starts the message of finish() where it can run beside other work: kAllReduce.
  void start(const Communicator& comm);

  // Collective. Returns the sums of each stream over all ranks and empties the window. Throws kRank
  // when two ranks hold the same sample.
  std::vector<BatchSums> finish(const Communicator& comm);

  // Collective. Replicates the rows of all ranks, so that any rank's state() is complete. A rank
  // continues the rows that it adds to, even if another rank had them before. The result keeps its
  // bits, unless rows belong to ranks and the number of ranks changes.
  void exchange(const Communicator& comm);

  // Must not be called between start() and finish().
  void state(StateVisitor& visitor);

 private:
  struct Row {
    at::Tensor sums;   // [C,E]
    bool own = false;  // this rank adds to it; else it is a copy that counts if no rank does
  };
  using Key = std::pair<int64_t, int64_t>;  // stream, id

  at::Tensor own_rows() const;    // [R,C,E]
  at::Tensor packed_own() const;  // [R, 2 + C E], key first
  std::vector<BatchSums> no_sums() const;

  SumOrder order_;
  int64_t streams_;
  BatchSums none_;
  std::map<Key, Row> rows_;
  at::Tensor message_;
  std::unique_ptr<PendingReduction> pending_;
};

}  // namespace semiseg
