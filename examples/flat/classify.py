"""Fine-tune an encoder to classify texts: one plain script, to be read from top to bottom.

Nothing here is Afina: only torch and transformers. Afina's engine does the same with resuming, evaluation, speed and
safety around it, and a test shows that both end at the same weights when they see the same batches.

    python examples/flat/classify.py BASE_FOLDER train.csv test.csv OUT_FOLDER
"""

import csv
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

EPOCHS = 3
BATCH_SIZE = 32
LEARNING_RATE = 5e-5
BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 0.0  # would pull weights towards zero, away from the base; never applied to biases and layer norms
WARMUP_SHARE = 0.06  # the learning rate climbs over this share of the steps, then falls to zero in a straight line
MAX_GRADIENT_NORM = 1.0
MAX_TOKENS = 256
DROPOUT = True  # False makes every step exactly repeatable
SEED = 42


def read_csv(path):
    """Return the texts and the labels of a CSV file: its first and its second column, below a heading line."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], [row[1] for row in rows]


def make_batches(tokenizer, texts, targets):
    """Cut the rows, in the order they come, into padded batches of tensors."""
    batches = []
    for start in range(0, len(texts), BATCH_SIZE):
        batch = tokenizer(
            texts[start : start + BATCH_SIZE], truncation=True, max_length=MAX_TOKENS, padding=True, return_tensors="pt"
        )
        batches.append({**batch, "labels": torch.tensor(targets[start : start + BATCH_SIZE])})
    return batches


def make_optimizer(model, learning_rate):
    """Return AdamW with two groups: matrices are decayed, vectors (biases, layer norms) are not."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=BETAS, eps=EPSILON)


def learning_rate_share(step, num_steps):
    """Return what share of the full learning rate step number `step` (from 0) uses."""
    warmup_steps = int(WARMUP_SHARE * num_steps)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return (num_steps - step) / max(1, num_steps - warmup_steps)


def train(model, batches, epochs=EPOCHS, learning_rate=LEARNING_RATE, dropout=DROPOUT):
    """Show the model every batch `epochs` times, in the same order each time; return the loss of each step."""
    model.train(dropout)
    optimizer = make_optimizer(model, learning_rate)
    num_steps = epochs * len(batches)
    losses = []
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * learning_rate_share(step, num_steps)
        loss = model(**batches[step % len(batches)]).loss  # the mean cross-entropy over the batch
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def accuracy(model, batches):
    """Return the share of rows whose most probable class is the right one."""
    model.eval()
    hits = [model(**batch).logits.argmax(-1) == batch["labels"] for batch in batches]
    return torch.cat(hits).float().mean().item()


def main(base, train_path, test_path, out):
    """Fine-tune `base` on one file, print the accuracy on the other, and save the model."""
    torch.manual_seed(SEED)
    train_texts, train_labels = read_csv(train_path)
    test_texts, test_labels = read_csv(test_path)
    names = sorted(set(train_labels))
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base,
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )
    order = torch.randperm(len(train_texts)).tolist()  # mixed once, then fixed
    train_batches = make_batches(
        tokenizer, [train_texts[row] for row in order], [names.index(train_labels[row]) for row in order]
    )
    test_batches = make_batches(tokenizer, test_texts, [names.index(label) for label in test_labels])
    losses = train(model, train_batches)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy on {test_path}: {accuracy(model, test_batches):.1%}")
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
