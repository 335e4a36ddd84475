package machine

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

// System is the machine that the program runs on.
type System struct{}

// Host asks the operating system for its name.
func (System) Host(ctx context.Context) (hostapi.Host, error) {
	platform, _, version, err := host.PlatformInformationWithContext(ctx)
	if err != nil {
		return hostapi.Host{}, fmt.Errorf("platform: %w", err)
	}
	booted, err := host.BootTimeWithContext(ctx)
	if err != nil {
		return hostapi.Host{}, fmt.Errorf("boot time: %w", err)
	}
	cores, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return hostapi.Host{}, fmt.Errorf("cores: %w", err)
	}
	return hostapi.Host{
		System: strings.TrimSpace(platform + " " + version),
		Arch:   runtime.GOOS + "/" + runtime.GOARCH,
		Cores:  cores,
		Booted: time.Unix(int64(booted), 0),
	}, nil
}

// Counters fails if there is no CPU or memory to be seen. The rest is empty
// where it cannot be read, as in a container that hides it.
func (System) Counters(ctx context.Context) (Counters, error) {
	var c Counters
	cores, err := cpu.TimesWithContext(ctx, true)
	if err != nil {
		return c, fmt.Errorf("cpu: %w", err)
	}
	for _, t := range cores {
		c.Cores = append(c.Cores, coreTime(t))
	}
	memory, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return c, fmt.Errorf("memory: %w", err)
	}
	c.Memory = hostapi.Space{Used: float64(memory.Used), Total: float64(memory.Total)}
	if swap, err := mem.SwapMemoryWithContext(ctx); err == nil {
		c.Swap = hostapi.Space{Used: float64(swap.Used), Total: float64(swap.Total)}
	}
	if avg, err := load.AvgWithContext(ctx); err == nil {
		c.Load = [3]float64{avg.Load1, avg.Load5, avg.Load15}
	}
	c.Disks = disks(ctx)
	c.In, c.Out = traffic(ctx)
	return c, nil
}

// coreTime leaves out the time of guests, which user has already.
func coreTime(t cpu.TimesStat) Time {
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return Time{Busy: busy, Total: busy + t.Idle + t.Iowait}
}

// disks returns the file systems on devices, each once however often it is
// mounted, under its shortest path.
func disks(ctx context.Context) []hostapi.Disk {
	mounts, _ := disk.PartitionsWithContext(ctx, false)
	slices.SortStableFunc(mounts, func(a, b disk.PartitionStat) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	seen := map[string]bool{}
	var found []hostapi.Disk
	for _, m := range mounts {
		if seen[m.Device] || m.Fstype == "squashfs" { // a package that is mounted, always full
			continue
		}
		seen[m.Device] = true
		if usage, err := disk.UsageWithContext(ctx, m.Mountpoint); err == nil && usage.Total > 0 {
			// What is set aside for root is neither used nor to be had.
			space := hostapi.Space{Used: float64(usage.Used), Total: float64(usage.Used + usage.Free)}
			found = append(found, hostapi.Disk{Path: m.Mountpoint, Space: space})
		}
	}
	slices.SortFunc(found, func(a, b hostapi.Disk) int { return cmp.Compare(a.Path, b.Path) })
	return found
}

// traffic returns what has come in and gone out on all interfaces but the
// loopback. What passes through a bridge counts on each of its interfaces.
func traffic(ctx context.Context) (in, out float64) {
	loopback := map[string]bool{}
	interfaces, _ := net.InterfacesWithContext(ctx)
	for _, i := range interfaces {
		loopback[i.Name] = slices.Contains(i.Flags, "loopback")
	}
	counts, _ := net.IOCountersWithContext(ctx, true)
	for _, n := range counts {
		if !loopback[n.Name] {
			in += float64(n.BytesRecv)
			out += float64(n.BytesSent)
		}
	}
	return in, out
}

// Processes leaves out what ends while it is read, and what it may not see.
func (System) Processes(ctx context.Context) ([]Process, error) {
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	found := make([]Process, 0, len(pids))
	for _, pid := range pids {
		p := process.Process{Pid: pid} // NewProcess would read what is not needed
		times, err := p.TimesWithContext(ctx)
		if err != nil {
			continue
		}
		one := Process{PID: pid, Busy: times.User + times.System}
		if m, err := p.MemoryInfoWithContext(ctx); err == nil {
			one.Memory = float64(m.RSS)
		}
		found = append(found, one)
	}
	return found, ctx.Err()
}

// Name asks anew each time: a process may become another program.
func (System) Name(ctx context.Context, pid int32) string {
	p := process.Process{Pid: pid}
	name, _ := p.NameWithContext(ctx)
	return strings.ToValidUTF8(name, "?")
}

// Without this gopsutil finds out when the machine was booted for each process
// it reads.
func init() { process.EnableBootTimeCache(true) }
