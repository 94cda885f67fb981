"""How each program is told to do the same: one file, or many from a list, into a folder that is empty."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Job:
    """What is to be fetched, and where to."""

    urls: list
    folder: Path
    scratch: Path  # for lists, configs and haul's store
    connections: int = 1  # a file
    parallel: int = 1  # files
    ca: Path | None = None
    resume: bool = False


def curl(job):
    """curl: one connection a file; many files through a config file."""
    trust = ["--cacert", str(job.ca)] if job.ca else []
    common = ["curl", "--silent", "--show-error", "--fail", *trust]
    if len(job.urls) == 1:
        go_on = ["--continue-at", "-"] if job.resume else []
        return [*common, *go_on, "--output", str(job.folder / _name(job.urls[0])), job.urls[0]]
    listed = job.scratch / "curl.list"
    listed.write_text("".join(f'url = "{url}"\noutput = "{job.folder / _name(url)}"\n' for url in job.urls))
    return [*common, "--parallel", "--parallel-max", str(job.parallel), "--config", str(listed)]


def wget2(job):
    """wget2: its threads are for files and for chunks alike."""
    command = ["wget2", "--quiet", "--no-config", "--no-robots", "--no-hsts", "--no-ocsp", "--directory-prefix", str(job.folder)]
    command += ["--max-threads", str(job.parallel)]
    command += ["--ca-certificate", str(job.ca)] if job.ca else []
    command += ["--continue"] if job.resume else []
    return [*command, *_listed(job, "--input-file")]


def aria2(job):
    """aria2, without preallocation, which would cost it a second pass."""
    command = ["aria2c", "--no-conf", "--quiet", "--file-allocation=none", "--summary-interval=0", "--dir", str(job.folder)]
    command += ["--min-split-size=1M", f"--split={job.connections}", f"--max-connection-per-server={job.connections}"]
    command += [f"--max-concurrent-downloads={job.parallel}", "--allow-overwrite=true", "--auto-file-renaming=false"]
    command += [f"--ca-certificate={job.ca}"] if job.ca else []
    command += ["--continue=true"] if job.resume else []
    return [*command, *_listed(job, "--input-file")]


def haul(program):
    """haul, with a store of its own beside the files."""

    def command(job):
        words = [str(program), "--here", "--state", str(job.scratch / "haul-state"), "get", "--quiet"]
        words += ["--dir", str(job.folder), "--connections", str(job.connections), "--parallel", str(job.parallel)]
        words += ["--ca", str(job.ca)] if job.ca else []
        return [*words, *_listed(job, "--input")]

    return command


def _listed(job, option):
    if len(job.urls) == 1:
        return job.urls
    listed = job.scratch / "urls"
    listed.write_text("".join(f"{url}\n" for url in job.urls))
    return [option, str(listed)]


def _name(url):
    return url.rsplit("/", 1)[1]
