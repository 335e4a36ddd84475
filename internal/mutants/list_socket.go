package main

// socketMutants are mistakes below the messages: in the upgrade, in frames and
// in what keeps a connection alive. Tests of the client over sockets notice
// them.
var socketMutants = []mutant{
	{
		name: "redirects have no end",
		file: "internal/link/dial.go",
		old:  "own.CheckRedirect = fewRedirects",
		new:  "own.CheckRedirect = nil",
		test: "TestHostileHandshakes/a_redirect_to_itself",
		in:   "client",
	},
	{
		name: "a sign of life after the probe is not seen",
		file: "internal/link/heartbeat.go",
		old:  "if idle <= waited {",
		new:  "if false {",
		test: "TestSocketKeepAlive",
		in:   "client",
	},
	{
		name: "a message may take any number of bytes",
		file: "internal/link/read.go",
		old:  "s.budget < 0 {",
		new:  "false {",
		test: "TestHostileFloods/pongs",
		in:   "client",
	},
	{
		name: "a large message that waits is an overflow",
		file: "internal/engine/queue.go",
		old:  " && q.caused >= q.mark",
		new:  "",
		test: "TestLargeMessageIsNoOverflow",
	},
	{
		name: "the refusal of a connection is forgotten with that of a call",
		file: "client/conn.go",
		old:  "if r.Type != engine.ResultError || conn.refusal == nil {",
		new:  "if true {",
		test: "TestRefusalStands",
	},
	{
		name: "a server that asks to move all the time keeps the client busy",
		file: "client/move.go",
		old:  "c.hops-freeHops)",
		new:  "0)",
		test: "TestEndlessMoves",
	},
	{
		name: "a server that answers no PING has connections pile up",
		file: "client/move.go",
		old:  "\t\tother.forgetFencesLocked()\n",
		new:  "",
		test: "TestEndlessMoves",
	},
}

func init() { mutants = append(mutants, socketMutants...) }
