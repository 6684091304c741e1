"""WHAT"""
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen


def fetch(url):
    try:
        with urlopen(url) as answer:
            print(url, answer.status, len(answer.read()), flush=True)
    except OSError as error:
        print(url, "ERROR", error, flush=True)


def main():
    limit = int(sys.argv[2])
    with open(sys.argv[3]) as lines:
        urls = lines.read().split()LAST
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(fetch, urls))


main()
