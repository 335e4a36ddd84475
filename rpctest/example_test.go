package rpctest_test

import (
	"fmt"
	"slices"
	"testing"
)

// An exampleT stands in for the *testing.T of a test, which examples have not.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Cleanup(f func())               { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Helper()                        {}
func (t *exampleT) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// end is what the end of a test does.
func (t *exampleT) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
