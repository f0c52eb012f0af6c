// SPDX-License-Identifier: Apache-2.0
// Looks at the cores that a launcher bound the ranks to: mpirun binds each of two ranks to one core
// unless it is told otherwise, and a rank needs several (loader, writer, NCCL's threads).
#pragma once

#include <string>
#include <vector>

namespace semiseg {

// The cores of one rank.
struct RankCores {
  std::string host;
  int machine = 1;         // cores that the job or container has on this machine
  std::vector<int> cores;  // those that this rank may run on, ascending

  // This process.
  static RankCores of_this_process();
  std::string text() const;  // for gather_texts()
  static RankCores parse(const std::string& text);
};

// Returns advice when a rank has fewer cores than its share of the machine and fewer than a rank
// needs, or shares a part of the machine's cores with other ranks: what, where, and the option of the
// launcher ("mpirun" or "srun") that mends it. Empty: nothing to say. ranks: all of them, in order.
std::string binding_advice(const std::vector<RankCores>& ranks, const std::string& launcher);

}  // namespace semiseg
