// SPDX-License-Identifier: Apache-2.0
// Networks that start from weights in a file instead of drawn ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/checkpoint/weight_file.h"
#include "framework/config/config.h"
#include "framework/nn/backbone.h"

namespace semiseg {

// Copies weights into the network, converted to its type. Throws kData naming `file` and all
// parameters and buffers that are missing, unexpected, or of another shape or kind; nothing was
// copied then. Counters of batches may be missing: PyTorch wrote none before 0.4.1.
void put_weights(const Backbone& network, const Weights& weights, const std::string& file);

class InitialWeights {
 public:
  // Reads the keys weights, weights_entry and weights_for of section [backbone].
  static InitialWeights read(const Config& section);

  // Called with every network of this backbone that a method makes. Throws kData when the file
  // cannot be read or does not fit.
  void put_into(const Backbone& network, const std::string& net);

  // Throws kConfig when weights_for names a network that is not among these.
  void check_networks(const std::vector<std::string>& networks) const;

  const std::string& file() const { return file_; }  // empty: drawn weights
  // Returns the checksum of the file's weights, once they were put into a network.
  std::string checksum() const { return semiseg::checksum(weights_.value()); }

 private:
  std::optional<Config> section_;
  std::string file_, entry_;
  std::vector<std::string> networks_;  // empty: all
  std::optional<Weights> weights_;
};

}  // namespace semiseg
