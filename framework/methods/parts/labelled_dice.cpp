// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/labelled_dice.h"

#include "framework/nn/losses/losses.h"

namespace semiseg {

LabelledDice read_labelled_dice(const Config& section, int64_t classes,
                                const std::string& otherwise) {
  std::string name = otherwise;
  section.read("dice", name, {"dice_sq", "dice_sq_fg", "dice_lin_fg"},
               "Dice loss of labelled samples: over all classes with squared denominators "
               "(dice_sq), or of the foreground of two classes with squared (dice_sq_fg) or linear "
               "denominators (dice_lin_fg). Change it to repeat a reference with two classes.");
  if (name == "dice_sq") return dice_sq;
  if (classes > 2)
    section.fail("dice", name + " knows one foreground class", "dice_sq", "method.dice=dice_sq");
  return name == "dice_sq_fg" ? dice_sq_fg : dice_lin_fg;
}

}  // namespace semiseg
