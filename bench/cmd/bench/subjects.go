package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/zapsocket/zapsocket/bench/internal/results"
)

// A subject is a server under test, with what drives it: a row of the table.
type subject struct {
	name      string
	command   []string // starts the server
	generator string   // the program that drives it
	wire      string   // what the generator is to speak
	workloads []string
}

// The workloads, in the order in which they run.
var (
	allWorkloads  = []string{"W1", "W2", "W3", "MIX", "W4", "W5", "W5-1", "W5S", "W5L", "W6"}
	peerWorkloads = []string{"W1", "W2", "W3", "W4", "W5", "W5-1", "W5L", "W6"}
	callWorkloads = []string{"W1", "W2", "W3"}
	noPublishing  = []string{"W1", "W2", "W3", "W4"}
)

const zapsocket = "zapsocket"

// subjects are all rows, the baseline first. A peer is added here.
var subjects = []subject{
	{results.Baseline, []string{"bin/coder"}, "bin/load", "raw", peerWorkloads},
	{zapsocket, []string{"bin/zapsocket"}, "bin/load", "trpc", allWorkloads},
	{"zapsocket, all middleware", []string{"bin/zapsocket", "-middleware"}, "bin/load", "trpc", allWorkloads},
	{"centrifuge", []string{"bin/centrifuge"}, "bin/load", "centrifuge", peerWorkloads},
}

// names are the names of all subjects.
func names() []string {
	var all []string
	for _, s := range subjects {
		all = append(all, s.name)
	}
	return all
}

// chosen returns the subjects whose names match, and the baseline. What needs
// Node is left out, and returned as missing, where there is none.
func chosen(only *regexp.Regexp) (some []subject, missing []string) {
	_, noNode := exec.LookPath("node")
	for _, s := range subjects {
		switch {
		case s.name != results.Baseline && !only.MatchString(s.name):
		case s.command[0] == "node" && noNode != nil:
			missing = append(missing, s.name)
		default:
			some = append(some, s)
		}
	}
	return some, missing
}

// rotated returns the subjects beginning with another one in each round, so
// that none always follows the same one.
func rotated(some []subject, round int) []subject {
	at := round * 5 % len(some)
	return slices.Concat(some[at:], some[:at])
}

// node is the command of a server that is written in JavaScript.
func node(file string) []string { return strings.Fields("node --expose-gc node/" + file) }
