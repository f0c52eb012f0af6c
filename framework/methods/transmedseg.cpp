// SPDX-License-Identifier: Apache-2.0
// TransMedSeg: Wang et al., arXiv 2505.14753. Transferable Semantic Augmentation on a
// teacher–student base: features of one stream are moved, in expectation, to the class statistics
// of another, which adds offsets to the logits in the cross entropy.
//
//   streams  S student on labelled pixels, ground truth
//            T teacher on unlabelled images, pseudo-label
//            U student on unlabelled pixels, pseudo-label
//   memory   class counts, means μ and covariances Σ of each stream, synchronised over ranks; those
//            of each domain apart where domain_statistics asks for it (tsa_memory.h)
//   table    U[y,j] = λ Δ_yj·(μ_to,y − μ_from,y) + ½ λ Δ_yjᵀ Σ_to,y Δ_yj, λ(t) = λ0 t/T
//            (offset_table.h)
//   loss     L = L_base + β L_s2t + β_u ω(t) (L_t2s + L_u2s), L_x = mean CE(z + U[y,:], y)
//            (offset_cross_entropy.h)
//            mode replace: L_s2t stands in the base's cross entropy on labelled pixels, and λ0 = 0
//            is the base
//            β L_d2d moves labelled pixels of each domain d, with a table of its own, from S in d
//            to T in all domains besides d
//
// The authors' code is not public; which direction they use, β and α are not known: all are options
// (tsa_options.h). TSA starts with the base's self-training, when the teacher is used. Memories are
// brought up to date before they are used, or one step behind (sync = lagged).
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/teacher_student.h"
#include "framework/methods/tsa/frechet_distance.h"
#include "framework/methods/tsa/sample_domains.h"
#include "framework/methods/tsa/stream_features.h"
#include "framework/methods/tsa/tsa_options.h"
#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg::transmedseg {
namespace {

enum MemoryStream : size_t { kStudent, kTeacher, kUnlabelled };

struct Options {
  std::string base = "bcp";
  TsaOptions tsa;

  // Reads the options of the base, too: they are in the same section.
  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    const auto& bases = TeacherStudentRegistry::instance();
    section.read(
        "base", o.base, bases.names(),
        "Teacher–student method that TSA is added to. Its options are read from the same section.");
    o.tsa = TsaOptions::read(section);
    bases.find(o.base).read_options(section, shape);
    return o;
  }
};

class TransMedSeg : public Method {
 public:
  TransMedSeg(const MethodContext& context, const Options& options)
      : options_(options.tsa),
        base_(TeacherStudentRegistry::instance().find(options.base).make(context)),
        classes_(context.shape.classes),
        domains_(domains_of(context)),
        memory_(stream_names(), classes_,
                feature_count(options_, base_->student().classifier(), classes_, context.options),
                options_.memory_of(std::ssize(domains_)), context.shape.device) {}

  Plan plan() const override { return base_->plan(); }
  void begin_stage(int64_t stage) override { base_->begin_stage(stage); }

  void step(const Batch& batch, Step& step) override {
    const ForwardPasses passes = base_->forward(batch, step);
    if (!passes.streams.labelled)
      return minimise(passes.loss(plain_cross_entropy(*step.comm), step), step);
    const double lambda = lambda_at(
        {options_.lambda.strength, options_.lambda.ramp, step.stage_iterations}, step.iteration);
    step.record("tsa.lambda", lambda);
    const std::vector<ClassPixels> labelled = passes.streams.labelled();
    const SampleDomains domains(batch);
    remember(labelled, passes.streams, batch, domains, step);
    minimise(loss(passes, labelled, domains, lambda, step), step);
  }

  void after_step(Step& step) override {
    base_->after_step(step);
    memory_.after_step(*step.comm, step.iteration);
  }
  void settle(const Communicator& comm) override { memory_.settle(comm); }
  Predictor& predictor() override { return base_->predictor(); }

  std::vector<std::pair<std::string, double>> diagnostics() const override {
    const int64_t features = memory_.statistics(kStudent).mean.size(1);
    if (domains_.size() == 1) return {};
    return domain_distances(memory_, kStudent, kTeacher, domains_,
                            least_count(options_.offset, features));
  }

  void state(StateVisitor& visitor) override {
    base_->state(visitor);
    visitor.scope("tsa", [this](StateVisitor& v) { memory_.state(v); });
  }

 private:
  // Returns the names in the order of MemoryStream; the third only where it is used.
  std::vector<std::string> stream_names() const {
    std::vector<std::string> names = {"student", "teacher"};
    if (options_.uses("u2s")) names.emplace_back("unlabelled");
    return names;
  }

  // Returns the domains that the memory keeps apart; one where it does not.
  std::vector<std::string> domains_of(const MethodContext& context) const {
    if (!options_.domain_statistics) return {""};
    if (context.domains.size() < 2) {
      context.options.fail("domain_statistics", "all scans of this data set are of one domain",
                           "scans of several domains",
                           "method.domain_statistics=false, or a data set that names domains");
    }
    return context.domains;
  }

  StreamBatch observe(const std::vector<ClassPixels>& parts, const SampleDomains& domains) const {
    StreamBatch batch;
    for (const ClassPixels& part : parts) {
      batch.push_back(features_of(part, options_, base_->student().classifier()));
      if (domains_.size() > 1) batch.back().domain = domains.of(part.samples);
    }
    return batch;
  }

  // Ignores pixels whose confidence is below the threshold.
  void ignore_unsure(ClassPixels& pixels) const {
    const at::Tensor sure = std::get<0>(pixels.logits.softmax(1).max(1)) >= options_.confidence;
    pixels.label =
        at::where(sure, pixels.label, at::full({}, kIgnoreLabel, pixels.label.options()));
  }

  void remember(std::vector<ClassPixels> student, const Streams& streams, const Batch& batch,
                const SampleDomains& domains, Step& step) {
    const at::NoGradGuard no_grad;
    std::vector<ClassPixels> teacher = streams.teacher_unlabelled();
    if (options_.confidence > 0) {
      for (ClassPixels& part : teacher) ignore_unsure(part);
    }
    if (options_.stats_net == "teacher") {
      const Stream& truth = batch["labelled"];
      const NetworkOutput out = base_->teacher().forward(
          truth.image(), step.train_pass("teacher/labelled", truth.samples));
      student = {{out.logits, out.features, truth.label, truth.samples}};
    }
    std::vector<StreamBatch> batches = {observe(student, domains), observe(teacher, domains)};
    if (options_.uses("u2s")) batches.push_back(observe(streams.unlabelled(), domains));
    memory_.step(batches, *step.comm);
    record_memory(step);
  }

  // Records pixel count and distance of the class mean from the student's, per stream and class.
  void record_memory(Step& step) const {
    const std::vector<std::string> names = stream_names();
    const at::Tensor& student = memory_.statistics(kStudent).mean;
    for (size_t stream = 0; stream < names.size(); ++stream) {
      const ClassStatistics& statistics = memory_.statistics(stream);
      const at::Tensor distance = (statistics.mean - student).norm(2, 1);
      for (int64_t k = 0; k < classes_; ++k) {
        const std::string suffix = names[stream] + ".class" + std::to_string(k);
        step.record("tsa.pixels." + suffix, statistics.count[k].to(at::kDouble));
        if (stream != kStudent) step.record("tsa.mean_distance." + suffix, distance[k]);
      }
    }
  }

  at::Tensor table(const ClassStatistics& from, const ClassStatistics& to, double lambda,
                   Step& step, const std::string& direction) const {
    const OffsetTable offsets = offset_table(weight_of(options_, base_->student().classifier()),
                                             from, to, lambda, options_.offset);
    step.record("tsa.max_offset." + direction, offsets.table.detach().abs().max());
    step.record("tsa.active_classes." + direction, offsets.active.sum().to(at::kDouble));
    return offsets.table;
  }

  at::Tensor table(MemoryStream from, MemoryStream to, double lambda, Step& step,
                   const std::string& direction) const {
    return table(memory_.statistics(from), memory_.statistics(to), lambda, step, direction);
  }

  // Returns the tables of labelled pixels by their domain.
  std::vector<at::Tensor> domain_tables(double lambda, Step& step) const {
    std::vector<at::Tensor> tables;
    for (const std::string& name : domains_) {
      const auto domain = std::ssize(tables);
      tables.push_back(table(memory_.statistics_of(kStudent, domain),
                             memory_.statistics_besides(kTeacher, domain), lambda, step,
                             "d2d." + name));
    }
    return tables;
  }

  at::Tensor loss(const ForwardPasses& passes, const std::vector<ClassPixels>& labelled,
                  const SampleDomains& domains, double lambda, Step& step) {
    const bool replaces = options_.mode == "replace";
    const at::Tensor s2t =
        options_.uses("s2t") ? table(kStudent, kTeacher, lambda, step, "s2t") : at::Tensor();
    const LabelledCrossEntropy moved = [&](const at::Tensor& logits, const at::Tensor& label,
                                           const at::Tensor& mask) {
      return cross_entropy_with_offsets(logits, label, s2t, mask, *step.comm);
    };
    at::Tensor total = passes.loss(replaces ? moved : plain_cross_entropy(*step.comm), step);
    if (!replaces) step.record("loss.base", total);
    const auto add = [&](const std::string& name, double weight,
                         const std::vector<LabelledLogits>& pixels) {
      const at::Tensor value = cross_entropy_of_passes(pixels, *step.comm);
      step.record("loss." + name, value);
      total = total + weight * value;
    };
    const double unlabelled =
        consistency_weight({options_.beta_unlabelled, options_.unlabelled_rampup}, step.iteration,
                           step.stage_iterations);
    if (options_.uses("s2t") && !replaces) add("tsa", options_.beta, with_table(labelled, s2t));
    if (options_.uses("d2d")) {
      add("tsa_d2d", options_.beta, domains.with_tables(labelled, domain_tables(lambda, step)));
    }
    if (options_.uses("t2s")) {
      const at::Tensor offsets = table(kTeacher, kStudent, lambda, step, "t2s");
      const Classifier head = base_->student().classifier();
      std::vector<LabelledLogits> heads;
      for (const ClassPixels& part : passes.streams.teacher_unlabelled())
        heads.push_back({logits_of(head, part.features), part.label, offsets});
      add("tsa_t2s", unlabelled, heads);
    }
    if (options_.uses("u2s")) {
      add("tsa_u2s", unlabelled,
          with_table(passes.streams.unlabelled(),
                     table(kUnlabelled, kStudent, lambda, step, "u2s")));
    }
    return total;
  }

  static std::vector<LabelledLogits> with_table(const std::vector<ClassPixels>& parts,
                                                const at::Tensor& offsets) {
    std::vector<LabelledLogits> logits;
    for (const ClassPixels& part : parts) logits.push_back({part.logits, part.label, offsets});
    return logits;
  }

  void minimise(const at::Tensor& total, Step& step) {
    step.record("loss.total", total);
    step.minimise(base_->optimiser(), total);
  }

  TsaOptions options_;
  std::unique_ptr<TeacherStudent> base_;
  int64_t classes_;
  std::vector<std::string> domains_;
  TsaMemory memory_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "transmedseg",
     .summary = "Transferable semantic augmentation (TSA) added to a teacher–student base",
     .family = "feature statistics",
     .paper = "Wang et al., arXiv 2505.14753",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       const Options options = Options::read(context.options, context.shape);
       return std::make_unique<TransMedSeg>(context, options);
     }});

}  // namespace
}  // namespace semiseg::transmedseg
