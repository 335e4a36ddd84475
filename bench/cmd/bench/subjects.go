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
	oneAtATime    = []string{"W1", "W3"} // there are as many connections as calls
)

const zapsocket = "zapsocket"

// subjects are all rows, the baseline first. A peer is added here.
var subjects = []subject{
	{results.Baseline, []string{"bin/coder"}, "bin/load", "raw", peerWorkloads},
	{zapsocket, []string{"bin/zapsocket"}, "bin/load", "trpc", allWorkloads},
	{"zapsocket, all middleware", []string{"bin/zapsocket", "-middleware"}, "bin/load", "trpc", allWorkloads},
	{"zapsocket, own client", []string{"bin/zapsocket"}, "bin/loadzap", "zapsocket", callWorkloads},

	// What does the same.
	{"centrifuge", []string{"bin/centrifuge"}, "bin/load", "centrifuge", peerWorkloads},
	{"go-ethereum/rpc", []string{"bin/geth"}, "bin/load", "geth", peerWorkloads},
	{"grpc-go", []string{"bin/grpc"}, "bin/loadrpc", "grpc", noPublishing},
	{"connect-go, JSON", []string{"bin/connect"}, "bin/loadrpc", "connect-json", noPublishing},
	{"connect-go, protobuf", []string{"bin/connect"}, "bin/loadrpc", "connect-proto", noPublishing},
	{"connect-go, JSON, HTTP/1.1", []string{"bin/connect"}, "bin/loadrpc", "connect-json-h1", oneAtATime},
	{"@trpc/server (Node)", node("trpc.mjs"), "bin/load", "trpc", peerWorkloads},
	{"socket.io (Node)", node("socketio.mjs"), "bin/load", "socketio", peerWorkloads},

	// What does less: an echo, without calls or JSON.
	{"gws, raw", []string{"bin/gws"}, "bin/load", "raw", peerWorkloads},
	{"gobwas/ws, raw", []string{"bin/gobwas"}, "bin/load", "raw", peerWorkloads},
	{"gorilla/websocket, raw", []string{"bin/gorilla"}, "bin/load", "raw", peerWorkloads},
	{"ws (Node), raw", node("ws.mjs"), "bin/load", "raw", peerWorkloads},
	{"TCP, a write per batch", []string{"bin/tcp"}, "bin/load", "tcp", peerWorkloads},
	{"TCP, a write per frame", []string{"bin/tcp", "-perframe"}, "bin/load", "tcp", noPublishing},
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
	at := round % len(some)
	return slices.Concat(some[at:], some[:at])
}

// node is the command of a server that is written in JavaScript.
func node(file string) []string { return strings.Fields("node --expose-gc node/" + file) }
