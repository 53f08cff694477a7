/** Whether a Hugging Face field says nothing about shapes, for any model type: it is left out of a card's notes. */
export function isIgnoredField(name: string): boolean {
  return name.startsWith("_") || /_token_(id|ids|index)$/.test(name) || IGNORED_FIELDS.has(name);
}

const IGNORED_FIELDS: ReadonlySet<string> = new Set([
  // Of any configuration.
  ..."add_cross_attention architectures attention_dropout attn_implementation auto_map bad_words_ids".split(" "),
  ..."begin_suppress_tokens cache_implementation chunk_size_feed_forward cross_attention_hidden_size".split(" "),
  ..."diversity_penalty do_sample dtype early_stopping embd_pdrop encoder_no_repeat_ngram_size".split(" "),
  ..."exponential_decay_length_penalty finetuning_task hidden_dropout hidden_dropout_prob id2label".split(" "),
  ..."initializer_range is_decoder is_encoder_decoder keys_to_ignore_at_inference label2id length_penalty".split(" "),
  ..."max_length min_length no_repeat_ngram_size num_beam_groups num_beams num_return_sequences".split(" "),
  ..."output_attentions output_hidden_states output_scores prefix pretraining_tp problem_type pruned_heads".split(" "),
  ..."quantization_config remove_invalid_values repetition_penalty resid_pdrop return_dict".split(" "),
  ..."return_dict_in_generate suppress_tokens task_specific_params temperature tf_legacy_loss".split(" "),
  ..."tie_encoder_decoder tokenizer_class top_k top_p torch_dtype torchscript transformers_version".split(" "),
  ..."typical_p unsloth_fixed use_bfloat16 use_cache use_return_dict".split(" "),
  // Training of routers, and expert parallelism.
  ..."aux_loss_alpha aux_loss_alpha_scale ep_size moe_aux_loss_coef moe_capacity moe_dropout_prob".split(" "),
  ..."output_router_logits router_aux_loss_coef router_jitter_noise router_z_loss_coef seq_aux".split(" "),
  // Prediction layers, which no count holds.
  ..."num_mtp_modules num_nextn_predict_layers".split(" "),
  // The vision side and what joins it to the language model.
  ..."image_token_id mm_tokens_per_image projector_bias understand_projector_stride vision_config".split(" "),
  ..."vision_select_layer".split(" "),
  // Constants of scores, norms and residuals.
  ..."attn_scale attn_temperature_tuning floor_scale for_llm_compressor layernorm_full_attention_alpha".split(" "),
  ..."layernorm_full_attention_beta layernorm_linear_attention_alpha layernorm_linear_attention_beta".split(" "),
  ..."full_attn_alpha_factor full_attn_beta_factor linear_attn_alpha_factor linear_attn_beta_factor".split(" "),
  ..."layernorm_mlp_alpha layernorm_mlp_beta mlp_alpha_factor mlp_beta_factor moe_norm_min postnorm".split(" "),
  ..."rope_interleave swiglu_alpha swiglu_limit initial_context_length use_mrope".split(" "),
]);
