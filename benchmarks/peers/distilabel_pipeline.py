"""distilabel: ADDRESS COUNT CONCURRENCY FOLDER. Prints seconds as JSON."""

import json
import resource
import sys
import time

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

address, count, concurrency, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
PROMPTS = [
    f"Question {i}: a baker has {i} loaves and sells {i % 7} of them every day; how many are left after {i % 11} days?"
    for i in range(count)
]


def main() -> None:
    with Pipeline(name="bench", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": text} for text in PROMPTS], batch_size=concurrency)
        llm = OpenAILLM(
            model="teacher",
            base_url=address,
            api_key="none",
            generation_kwargs={"max_new_tokens": 64, "temperature": 0.8},
        )
        load >> TextGeneration(llm=llm, input_batch_size=concurrency)
    start, cpu = time.perf_counter(), time.process_time()
    assert len(pipeline.run(use_cache=False)["default"]["train"]) == count
    seconds = time.perf_counter() - start
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "cpu": time.process_time() - cpu, "peak_mb": peak / 1024}))


if __name__ == "__main__":
    main()
