package procedure_test

import (
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// Names are refused and never cleaned up, so that everybody who compares one
// sees the same spelling.
func ExampleCheckName() {
	for _, name := range []string{"room.find", "room/find", "Room.Find_2", "user.call"} {
		if err := procedure.CheckName(name); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(name)
	}
	// Output:
	// room.find
	// procedure name "room/find": '/' may not stand at 4 of segment "room/find"
	// Room.Find_2
	// procedure name "user.call": a tRPC client cannot reach the segment "call"
}
