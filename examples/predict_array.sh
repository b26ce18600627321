#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A network over a large image, as a SLURM array: each task does its part, the last job finishes.
#
#   jobs=$(sbatch --parsable --array=0-15 examples/predict_array.sh net.onnx in.ome.zarr out.ome.zarr --tile 256x256 --overlap 48)
#   sbatch --dependency=afterany:$jobs examples/predict_array.sh net.onnx in.ome.zarr out.ome.zarr --tile 256x256 --overlap 48
#
# Both have the same arguments: MODEL IN OUT and options of `python -m microtome predict`. Without an array, the same
# script does what is left, of tasks that failed or were killed, and finishes. A task that is requeued continues.
# PYTHON is the interpreter, python3 by default.
#SBATCH --job-name=predict
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --requeue
set -eu
usage='usage: predict_array.sh MODEL IN OUT [options of microtome predict]'
model=${1:?$usage} input=${2:?$usage} output=${3:?$usage}
shift 3

part=
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    # The array may start at any number.
    part="--part $((SLURM_ARRAY_TASK_ID - ${SLURM_ARRAY_TASK_MIN:-0} + 1))/$SLURM_ARRAY_TASK_COUNT"
fi
status=0
# shellcheck disable=SC2086 # one or two words
"${PYTHON:-python3}" -m microtome predict --model "$model" "$@" $part "$input" "$output" || status=$?
# 3: this part is done, and the output is not finished yet, which is what an array task is for.
[ "$status" = 3 ] && [ -n "$part" ] && exit 0
exit "$status"
