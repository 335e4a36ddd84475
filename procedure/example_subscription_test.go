package procedure_test

import (
	"context"
	"fmt"
	"strconv"

	"github.com/zapsocket/zapsocket/procedure"
)

// A subscription is a loop. Breaking it ends the procedure's context, and the
// next Send fails.
func ExampleSubscription_Subscribe() {
	const Squares procedure.Subscription[int, int] = "squares"

	p := Squares.Func(func(ctx context.Context, from int, out *procedure.Stream[int]) error {
		for n := from; ; n++ {
			if err := out.Send(n * n); err != nil {
				fmt.Println("the subscriber has left:", ctx.Err())
				return err
			}
		}
	})

	for square, err := range Squares.Subscribe(context.Background(), p, 3) {
		if err != nil {
			fmt.Println("the stream has failed:", err)
			return
		}
		fmt.Println(square)
		if square > 20 {
			break
		}
	}
	// Output:
	// 9
	// 16
	// 25
	// the subscriber has left: context canceled
}

// Items that have an ID can be resumed after.
func ExampleSubscription_Resume() {
	const Messages procedure.Subscription[struct{}, string] = "chat.messages"

	history := []string{"hello", "anybody here?", "yes", "bye"}
	p := Messages.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
		next := 0
		if after := out.After(); after != "" {
			last, err := strconv.Atoi(after)
			if err != nil || last < 0 || last >= len(history) {
				return procedure.Errorf(procedure.CodeBadRequest, "no message has the ID %q", after)
			}
			next = last + 1
		}
		for i := next; i < len(history); i++ {
			if err := out.SendTracked(strconv.Itoa(i), history[i]); err != nil {
				return err
			}
		}
		return nil
	})

	ctx := context.Background()
	seen := ""
	for m, err := range Messages.Resume(ctx, p, struct{}{}, seen) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.ID, m.Data)
		if seen = m.ID; seen == "1" {
			break // the program ends here, and remembers what it has seen
		}
	}
	for m, err := range Messages.Resume(ctx, p, struct{}{}, seen) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.ID, m.Data)
	}
	// Output:
	// 0 hello
	// 1 anybody here?
	// 2 yes
	// 3 bye
}
