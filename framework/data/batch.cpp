// SPDX-License-Identifier: Apache-2.0
#include "framework/data/batch.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// Returns the item of that name. Throws kInternal with all names for an unknown one.
template <class Item>
const Item& named(const std::vector<Item>& items, std::string_view name, const char* kind,
                  const std::string& owner) {
  std::string names;
  for (const Item& item : items) {
    if (item.name == name) return item;
    names += (names.empty() ? "" : ", ") + item.name;
  }
  throw Error(ErrorKind::kInternal,
              {.what = fmt::format("{} has no {} '{}'", owner, kind, name),
               .expected = "one of: " + (names.empty() ? "none" : names),
               .got = std::string(name),
               .fix = "let the method ask for it in plan(), by StreamPlan::name or views"});
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const StreamView& Stream::find(std::string_view view) const {
  return named(views, view, "view", fmt::format("stream '{}' of the batch", name));
}

const at::Tensor& Stream::image(std::string_view view) const { return find(view).image; }

const std::vector<Placement>& Stream::placements(std::string_view view) const {
  return find(view).placements;
}

const at::Tensor& Stream::label_in(std::string_view view) const {
  const StreamView& found = find(view);
  return found.label.defined() ? found.label : label;
}

const Stream& Batch::operator[](std::string_view stream) const {
  return named(streams, stream, "stream", "the batch");
}

at::Tensor Batch::joined(std::string_view view) const {
  for (const WholeView& whole : whole_) {
    if (whole.name == view && whole.streams.empty()) return whole.image;
  }
  std::vector<at::Tensor> parts;
  for (const Stream& stream : streams) parts.push_back(stream.image(view));
  return at::cat(parts);
}

Stream& Batch::add_stream(std::string name, SampleIds ids) {
  samples.insert(samples.end(), ids.begin(), ids.end());
  streams.push_back({.name = std::move(name), .samples = std::move(ids)});
  return streams.back();
}

void Batch::add_view(const std::string& view, const at::Tensor& image,
                     const std::vector<Placement>& placements,
                     const std::vector<std::string>& stream_names) {
  int64_t row = 0;
  for (Stream& stream : streams) {
    if (!contains(stream_names, stream.name)) continue;
    StreamView& added = stream.views.emplace_back();
    added.name = view;
    added.image = image.slice(0, row, row + stream.size());
    if (!placements.empty())
      added.placements.assign(placements.begin() + row, placements.begin() + row + stream.size());
    row += stream.size();
  }
  SEMISEG_CHECK(row == image.size(0), "a view has a row for each sample of its streams");
  whole_.push_back({view, image, stream_names});
}

template <class Function>
Batch Batch::mapped(const Function& change) const {
  Batch result;
  for (const Stream& stream : streams) {
    Stream& copy = result.add_stream(stream.name, stream.samples);
    if (stream.label.defined()) copy.label = change(stream.label);
    copy.domain = stream.domain;
    copy.task = stream.task;
  }
  for (const WholeView& whole : whole_) {
    std::vector<Placement> placements;
    for (const Stream& stream : streams) {
      if (!contains(whole.streams, stream.name)) continue;
      const auto& some = stream.placements(whole.name);
      placements.insert(placements.end(), some.begin(), some.end());
    }
    result.add_view(whole.name, change(whole.image), placements, whole.streams);
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    for (size_t view = 0; view < streams[i].views.size(); ++view) {
      const at::Tensor& own = streams[i].views[view].label;
      if (own.defined()) result.streams[i].views[view].label = change(own);
    }
  }
  return result;
}

Batch Batch::on(at::Device device) const {
  return mapped([&](const at::Tensor& value) { return value.to(device, /*non_blocking=*/true); });
}

Batch Batch::pinned() const {
  return mapped([](const at::Tensor& value) { return value.pin_memory(); });
}

}  // namespace semiseg
