package wire_test

import (
	"fmt"

	"github.com/zapsocket/zapsocket/wire"
)

// Zero fields are the defaults, and negative ones are no limit.
func ExampleLimits() {
	l := wire.Limits{Calls: 16, ConnsPerIP: -1}
	server := l.Server()
	fmt.Println(server.Calls, server.Subscriptions, server.Message, server.ProbeAfter)
	fmt.Println(l.Client().Message, "for a client")
	// Output:
	// 16 128 4194304 25s
	// 16842752 for a client
}
