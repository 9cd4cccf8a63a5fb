"""What is measured -> whether it is fine, and what to do if not; pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.doctor.measured import (
    Certificates,
    Clock,
    Cores,
    DiskSpeed,
    Dns,
    Memory,
    Native,
    OpenFiles,
    Proxy,
    Room,
)
from img2dataset.text import format_bytes, plural

MAX_DNS_FAILED_SHARE = 0.02
MIN_DNS_PER_S = 20.0
"""Names: fewer in a second hold up a run of a list with many hosts."""
MIN_DNS_NAMES = 20
"""Of fewer names the speed says nothing."""
MAX_CLOCK_SKEW_S = 5.0
"""The locks of datasets on shared disks compare times."""
MAX_CLOCK_BEHIND_S = 86_400.0
MIN_CERTIFICATES = 50
"""Public lists have more than a hundred."""
MIN_DISK_BYTES_PER_S = 20e6
MIN_FILES_PER_S = 500.0
RESERVE = 1.1
"""Times what is needed that should be free: other programs write too."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the output."""

    subject: str
    facts: str
    advice: str = ""
    """What to do; empty = it is fine."""
    private: tuple[str, ...] = ()
    """Parts of the texts that are left out of a bug report: names and addresses."""

    @property
    def is_fine(self) -> bool:
        return not self.advice


def judge_cores(cores: Cores, processes_count: int) -> Verdict:
    """Judge the cores by the number of processes."""
    facts = f"{plural(cores.usable, 'core')} for {plural(processes_count, 'process', 'processes')}"
    advice = ""
    if cores.quota is not None and cores.quota < cores.usable:
        facts += f", of which this container may use {cores.quota:g}"
        advice = (
            f"a run starts image threads for {cores.usable} cores, and the container is stopped "
            "again and again when they use more: give it whole cores (docker --cpuset-cpus, or "
            "taskset), as many as it may use"
        )
    elif processes_count > cores.usable:
        advice = (
            f"--processes_count={cores.usable} or less: one process already uses every core for "
            "pixels; more of them only help where the network is the limit"
        )
    return Verdict("cores", facts, advice)


def judge_memory(memory: Memory) -> Verdict:
    """Judge the memory by what the settings may take."""
    needed = f"the settings may take {format_bytes(memory.needed)}"
    if memory.available is None:
        return Verdict("memory", f"{needed}; what is available is not known")
    facts = f"{format_bytes(memory.available)} available, {needed}"
    if memory.available >= memory.needed:
        return Verdict("memory", facts)
    advice = "use fewer --processes_count, or a lower --thread_count, or free memory"
    return Verdict("memory", facts, advice)


def judge_open_files(files: OpenFiles) -> Verdict:
    """Judge the limit of open files by the downloads in flight."""
    needed = f"{files.needed:,} needed by each process"
    if files.allowed is None or files.allowed >= files.needed:
        allowed = "no limit" if files.allowed is None else f"{files.allowed:,} allowed"
        return Verdict("open files", f"{allowed}, {needed}")
    return Verdict(
        "open files",
        f"{files.allowed:,} allowed, {needed}",
        f"raise the hard limit (ulimit -Hn {files.needed}; LimitNOFILE= of systemd; docker --ulimit "
        f"nofile={files.needed}), or fewer downloads are in flight than --thread_count says",
    )


def judge_dns(dns: Dns) -> Verdict:
    """Judge the resolver by its answers to a few names at once."""
    if dns.is_by_proxy:
        return Verdict("DNS", "the proxy resolves names")
    servers = ", ".join(dns.servers) or "no name server"
    if not dns.asked:
        return Verdict("DNS", f"{servers}; no name to ask for", private=dns.servers)
    rate = dns.asked / max(dns.seconds, 0.001)
    facts = (
        f"{servers}: {plural(dns.asked, 'name')}, {dns.failed:,} without an answer, {rate:,.0f}/s"
    )
    if dns.failed == dns.asked:
        return Verdict(
            "DNS", facts, "no name is resolved: check the network and /etc/resolv.conf", dns.servers
        )
    resolver = (
        "run a caching resolver on this machine (unbound, knot-resolver) and give "
        "--dns_servers=127.0.0.1"
    )
    if dns.failed > MAX_DNS_FAILED_SHARE * dns.asked:
        return Verdict("DNS", facts, f"the resolver loses questions; {resolver}", dns.servers)
    if dns.asked >= MIN_DNS_NAMES and rate < MIN_DNS_PER_S:
        return Verdict("DNS", facts, f"the resolver is slow; {resolver}", dns.servers)
    return Verdict("DNS", facts, private=dns.servers)


def judge_clock(clock: Clock) -> Verdict:
    """Judge the clock: certificates have dates, and locks on shared disks compare times."""
    synchronise = "synchronise the clock (timedatectl set-ntp true, or chrony)"
    if clock.behind_installation_s > MAX_CLOCK_BEHIND_S:
        facts = "it is before the installation of img2dataset"
        return Verdict("clock", facts, f"{synchronise}: certificates look not yet valid")
    skew = clock.ahead_of_disk_s
    if skew is not None and abs(skew) > MAX_CLOCK_SKEW_S:
        facts = (
            f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of the output folder"
        )
        return Verdict("clock", facts, f"{synchronise}, here and there: locks compare times")
    if clock.is_synchronised is False:
        return Verdict("clock", "not synchronised", synchronise)
    known = "synchronised" if clock.is_synchronised else "plausible"
    return Verdict("clock", known)


def judge_certificates(found: Certificates) -> Verdict:
    """Judge the trusted certificates."""
    place = found.place or "libcurl's own place"
    if found.is_ignored:
        return Verdict("certificates", "not verified, as ignore_ssl_certificate says")
    if found.count is None:
        return Verdict("certificates", f"{place}, not counted")
    facts = f"{plural(found.count, 'certificate')} in {place}"
    if found.count >= MIN_CERTIFICATES:
        return Verdict("certificates", facts)
    advice = (
        "install the public ones (package ca-certificates), or name a file in SSL_CERT_FILE; "
        "else https fails"
    )
    return Verdict("certificates", facts, advice)


def judge_proxy(proxy: Proxy) -> Verdict:
    """Judge the proxy, if there is one."""
    if not proxy.address:
        return Verdict("proxy", "none")
    private = (proxy.address,)
    if not proxy.error:
        return Verdict("proxy", f"{proxy.address} accepts connections", private=private)
    return Verdict(
        "proxy",
        f"{proxy.address}: {proxy.error}",
        "every request goes there: mend https_proxy and http_proxy, or unset them",
        private,
    )


def judge_room(room: Room) -> Verdict:
    """Judge the room on the disk by what the list may need."""
    private = (room.folder,)
    facts = f"{format_bytes(room.free_bytes)} free in {room.folder}"
    if room.needed_bytes is None:
        return Verdict("room", f"{facts}; give a list to compare it with", private=private)
    facts += f", about {format_bytes(room.needed_bytes)} needed if every row gives an image"
    if room.needed_bytes * RESERVE > room.free_bytes:
        advice = "use another output_folder, or a smaller dataset; img2dataset estimate measures it"
        return Verdict("room", facts, advice, private)
    if room.free_files is not None and (room.needed_files or 0) > room.free_files:
        return Verdict(
            "room",
            f"{facts}; {room.free_files:,} files are left, {room.needed_files:,} needed",
            "use --output_format=webdataset, which has few large files",
            private,
        )
    return Verdict("room", facts, private=private)


def judge_disk_speed(disk: DiskSpeed) -> Verdict:
    """Judge how quickly the output folder takes files."""
    facts = f"{format_bytes(disk.bytes_per_second)}/s, {disk.files_per_second:,.0f} small files/s"
    if disk.bytes_per_second < MIN_DISK_BYTES_PER_S:
        advice = "use a quicker disk for output_folder, or an object store"
        return Verdict("disk speed", facts, advice)
    if disk.stores_files and disk.files_per_second < MIN_FILES_PER_S:
        return Verdict("disk speed", facts, "use --output_format=webdataset: few large files")
    return Verdict("disk speed", facts)


def judge_native(native: Native) -> Verdict:
    """Judge whether images are processed by the compiled modules."""
    if not native.missing:
        return Verdict("compiled modules", f"all {len(native.found)} in use")
    return Verdict(
        "compiled modules",
        f"missing: {', '.join(native.missing)}",
        "images take up to twice the CPU: install a wheel (pip install --only-binary=:all: "
        "img2dataset), or install a C compiler and then again",
    )
