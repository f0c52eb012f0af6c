// SPDX-License-Identifier: Apache-2.0
// The two scanned brains of Debian's package mricron-data with the atlases that lie beside them.
#pragma once

#include <string>
#include <vector>

#include "datasets/atlas/atlas_slabs.h"

namespace semiseg {

// The colin27 average (Holmes et al., JCAT 1998): one man, T1, averaged from 27 scans, 1 mm.
// Options: templates, image, atlas, groups. Throws kConfig for groups that do not parse.
AtlasScan colin27_scan(const Config& config);

// INIA19 (Rohlfing et al., Front. Neuroinform. 2012): the average brain of 19 rhesus macaques, T1,
// 0.5 mm, with its NeuroMaps regions grouped into the classes of colin27. Options: templates.
AtlasScan inia19_scan(const Config& config);

}  // namespace semiseg
