#!/bin/bash
# sbatch packaging/train/slurm.sh RECIPE.toml, in a folder that all machines share; docs/scaling.md
#SBATCH --job-name=encodery
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --mem=0
#SBATCH --signal=TERM@120
#SBATCH --requeue
set -euo pipefail
MASTER=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" torchrun --nnodes "$SLURM_NNODES" --nproc-per-node 8 --max-restarts 3 --shutdown-timeout 110 \
  --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$MASTER:29500" \
  -m encodery run "$1"
