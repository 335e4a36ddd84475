// Package hostapi is the contract of hostwatch. Its server and its client
// import it, and nothing else holds them together.
//
// Shares are in percent, sizes in bytes, rates in bytes a second. All of them
// are float64, which a caller in JavaScript can hold as well.
package hostapi

import (
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// The procedures.
const (
	Info          procedure.Query[struct{}, Host]                 = "host.info"
	Snapshot      procedure.Query[struct{}, Sample]               = "host.snapshot" // at most a second old
	Samples       procedure.Subscription[SamplesIn, Sample]       = "host.samples"  // one at once, then one every interval
	SetThresholds procedure.Mutation[SetThresholdsIn, Thresholds] = "alarm.set"     // for who has the token
	Alarm         procedure.Event[Notice]                         = "alarm.raised"  // pushed to all
)

// Host is what does not change while a machine runs.
type Host struct {
	System string    `json:"system"` // "debian 12.5"
	Arch   string    `json:"arch"`   // "linux/amd64"
	Cores  int       `json:"cores"`
	Booted time.Time `json:"booted"`
}

// SamplesIn says how often to send a sample. The server rounds the interval up
// to a multiple of 100 ms.
type SamplesIn struct {
	Interval time.Duration `json:"interval" validate:"min=100ms,max=1m"`
}

// Sample is what a machine was doing up to a moment. Cores and network are
// averages over the interval before it, processes over a second or more.
type Sample struct {
	At         time.Time  `json:"at"`
	CPU        float64    `json:"cpu"` // of all cores together
	Cores      []float64  `json:"cores"`
	Load       [3]float64 `json:"load"` // of 1, 5 and 15 minutes
	Memory     Space      `json:"memory"`
	Swap       Space      `json:"swap"` // no Total: there is none
	Disks      []Disk     `json:"disks"`
	In         float64    `json:"in"` // of all interfaces but the loopback
	Out        float64    `json:"out"`
	Processes  []Process  `json:"processes"`  // the busiest, the busiest first
	Thresholds Thresholds `json:"thresholds"` // in force
}

// Space is how much there is of something, and how much of it is in use.
type Space struct {
	Used  float64 `json:"used"`
	Total float64 `json:"total"`
}

// Percent returns which share is in use, 0 if there is nothing to use.
func (s Space) Percent() float64 {
	if s.Total <= 0 {
		return 0
	}
	return 100 * s.Used / s.Total
}

// Disk is a file system.
type Disk struct {
	Path string `json:"path"`
	Space
}

// Process is a running program. Its CPU is a share of one core, so it may be
// above 100.
type Process struct {
	PID    int32   `json:"pid"`
	Name   string  `json:"name"`
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
}

// Thresholds are the shares at which an alarm is raised, 0 for never.
type Thresholds struct {
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
}

// SetThresholdsIn says which thresholds to change. Nil leaves one as it is.
type SetThresholdsIn struct {
	CPU    *float64 `json:"cpu,omitzero" validate:"omitnil,gte=0,lte=100"`
	Memory *float64 `json:"memory,omitzero" validate:"omitnil,gte=0,lte=100"`
}

// Notice is what an Alarm says: the value has reached its threshold. There is
// no further one for it until the value has been a twentieth below.
type Notice struct {
	At        time.Time `json:"at"`
	Metric    string    `json:"metric"` // "cpu" or "memory"
	Value     float64   `json:"value"`
	Threshold float64   `json:"threshold"`
}
