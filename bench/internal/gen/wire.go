package gen

// A Wire is how a protocol says what the workloads need: the texts that a
// client sends, and how to find in the server's texts the number that matters.
// The generator never parses a message; it looks for the digits that follow a
// marker.
type Wire struct {
	Path string // of the upgrade request
	TCP  bool   // frames are a length of four bytes and a text, without WebSocket

	// Lines says that a frame may hold several messages, one a line.
	Lines bool

	// Ping is a message that the client has to answer with Pong.
	Ping, Pong string

	Setup     []Step // what each connection begins with
	Subscribe []Step // how one subscribes to what Publish publishes

	Request string // calls math.add with 1 and 2; ID is where the id goes
	Marker  string // stands before the id in the answer
	Answer  string // stands in an answer that is right

	Stream []Step // the last one starts an endless stream

	Publish string // publishes ID; Unique is where the id of the call goes
	Event   string // stands before the published number in an event or item

	Sleep string // calls a handler that sleeps for Milliseconds; "" if there is none
}

// A Step is sent, and done when a message that holds Expect has come. One of
// both may be empty.
type Step struct{ Send, Expect string }

// ID and Unique are the holes in texts; numbers of eight digits go there.
const (
	ID     = "@@@@@@@@"
	Unique = "########"
)

// Milliseconds is the hole in a Sleep, for a number of any length.
const Milliseconds = "$$"

// FirstID is the lowest number that has eight digits.
const FirstID = 10_000_000

const trpcRequest = `{"id":` + ID + `,"method":"query","params":{"path":"math.add","input":{"a":1,"b":2}}}`

// raw is what the servers without a protocol speak: they send back what they
// get, unless it begins with S, J or P (see package raw).
var raw = Wire{
	Path:      "/",
	Request:   trpcRequest,
	Marker:    `"id":`,
	Answer:    `"b":2`,
	Subscribe: []Step{{"J", `"ok"`}},
	Stream:    []Step{{Send: "S20000000"}},
	Publish:   `P{"id":1,"result":{"type":"data","data":{"seq":` + ID + `}}}`,
	Event:     `"seq":`,
}

// Wires are the protocols by name.
var Wires = map[string]Wire{
	"raw": raw,
	"tcp": rawTCP(),
	"trpc": {
		Path: "/",
		Ping: "PING", Pong: "PONG",
		Request:   trpcRequest,
		Marker:    `"id":`,
		Answer:    `"sum":3`,
		Subscribe: []Step{{`{"id":1,"method":"subscription","params":{"path":"bench"}}`, `"started"`}},
		Stream:    []Step{{Send: `{"id":1,"method":"subscription","params":{"path":"stream","input":{"n":20000000}}}`}},
		Publish:   `{"id":` + Unique + `,"method":"mutation","params":{"path":"pub","input":{"seq":` + ID + `}}}`,
		Event:     `"seq":`,
		Sleep:     `{"id":` + ID + `,"method":"query","params":{"path":"slow","input":{"ms":` + Milliseconds + `}}}`,
	},
	"geth": {
		Path:      "/",
		Request:   `{"jsonrpc":"2.0","id":` + ID + `,"method":"math_add","params":[{"a":1,"b":2}]}`,
		Marker:    `"id":`,
		Answer:    `"sum":3`,
		Subscribe: []Step{{`{"jsonrpc":"2.0","id":1,"method":"bench_subscribe","params":["events"]}`, `"id":1,`}},
		Stream:    []Step{{Send: `{"jsonrpc":"2.0","id":1,"method":"bench_subscribe","params":["stream",20000000]}`}},
		Publish:   `{"jsonrpc":"2.0","id":` + Unique + `,"method":"bench_pub","params":[{"seq":` + ID + `}]}`,
		Event:     `"seq":`,
	},
	"centrifuge": {
		Path:  "/",
		Lines: true,
		Ping:  "{}", Pong: "{}",
		Setup:     []Step{{`{"id":1,"connect":{}}`, `"connect":`}},
		Request:   `{"id":` + ID + `,"rpc":{"method":"math.add","data":{"a":1,"b":2}}}`,
		Marker:    `"id":`,
		Answer:    `"sum":3`,
		Subscribe: []Step{{`{"id":2,"subscribe":{"channel":"bench"}}`, `"subscribe":`}},
		Stream: []Step{
			{`{"id":2,"subscribe":{"channel":"stream"}}`, `"subscribe":`},
			{Send: `{"id":3,"rpc":{"method":"stream","data":{"n":20000000}}}`},
		},
		Publish: `{"id":` + Unique + `,"publish":{"channel":"bench","data":{"seq":` + ID + `}}}`,
		Event:   `"seq":`,
	},
	"socketio": {
		Path: "/socket.io/?EIO=4&transport=websocket",
		Ping: "2", Pong: "3",
		Setup:     []Step{{"", `0{`}, {"40", `40{`}},
		Request:   `42` + ID + `["add",{"a":1,"b":2}]`,
		Marker:    `43`,
		Answer:    `"sum":3`,
		Subscribe: []Step{{`421["join"]`, `431[`}},
		Stream:    []Step{{Send: `42["stream",20000000]`}},
		Publish:   `42["pub",{"seq":` + ID + `}]`,
		Event:     `"seq":`,
	},
}

func rawTCP() Wire {
	w := raw
	w.Path, w.TCP = "", true
	return w
}
