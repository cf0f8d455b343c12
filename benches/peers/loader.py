"""Images/s of a torchvision loader on the images of a CelebA folder, beside benches/loader.rs.

    python benches/peers/loader.py DIR [PX] [BATCH] [ROUNDS] [WORKERS]

An ImageFolder-style data set (default PIL loader) with Resize, CenterCrop, flip, ToTensor and
Normalize, read by a DataLoader with two workers. The page cache is warm: a round before the first
one is not counted. Prints one line of JSON per pass.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torchvision import transforms
from torchvision.datasets.folder import default_loader


class Folder(torch.utils.data.Dataset):
    def __init__(self, folder, px):
        self.files = sorted(Path(folder).glob("*.jpg"))
        self.transform = transforms.Compose(
            [
                transforms.Resize(px),
                transforms.CenterCrop(px),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return self.transform(default_loader(self.files[i])), i % 2


def main(folder, px=64, batch=32, rounds=3, workers=2):
    px, batch, rounds, workers = int(px), int(batch), int(rounds), int(workers)
    data = Folder(Path(folder) / "img_align_celeba", px)
    loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, num_workers=workers)
    for round_ in range(rounds + 1):
        start = time.perf_counter()
        images = sum(x.shape[0] for x, _ in loader)
        seconds = time.perf_counter() - start
        assert images == len(data)
        if round_ > 0:
            line = {"loader": f"torchvision, {workers} workers", "pass": "every_epoch", "px": px, "batch": batch}
            line |= {"images": images, "seconds": round(seconds, 3), "images_per_s": round(images / seconds)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
