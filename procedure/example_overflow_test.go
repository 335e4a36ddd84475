package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A subscriber that does not keep up with a display needs the last value only,
// and how many it has missed. The client here is one end of a pipe that grants
// one item, and another one when all has been sent.
func ExampleOverflow() {
	const Speed procedure.Subscription[struct{}, int] = "speed"

	sent := make(chan bool)
	r := router.New()
	r.Handle(Speed.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
		for speed := 10; speed <= 50; speed += 10 {
			if err := out.Send(speed); err != nil { // which never waits under this policy
				return err
			}
		}
		close(sent)
		<-ctx.Done()
		return ctx.Err()
	}).With(procedure.Options{Overflow: procedure.OverflowLatest}))
	server := transport.NewServer(r, nil)

	ctx := context.Background()
	client, end := wire.Pipe()
	defer client.Close(wire.CloseNormal, "")
	go server.ServeConn(ctx, end, nil) // ends when the client closes
	read := func() {
		frame, err := client.Read(ctx)
		fmt.Println(string(frame), err)
	}

	client.Write(ctx, []byte(`{"id":1,"method":"subscription","params":{"path":"speed","credit":1}}`))
	read()
	read()
	<-sent
	client.Write(ctx, []byte(`{"id":1,"method":"subscription.credit","params":{"n":1}}`))
	read()
	// Output:
	// {"id":1,"result":{"type":"started"}} <nil>
	// {"id":1,"result":{"type":"data","data":10}} <nil>
	// {"id":1,"result":{"type":"data","dropped":3,"data":50}} <nil>
}
