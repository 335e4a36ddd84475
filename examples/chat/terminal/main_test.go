package terminal

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // what the screens show
	goleak.VerifyTestMain(m)
}
