package pubsub

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A position is where an item stands in one log: "epoch-number". Epochs are
// random, so that the positions of a log that is gone are not taken for those
// of the one in its place. Items are numbered from 1; 0 is before the first.

// newEpoch returns an epoch that no other log has: 64 random bits.
func newEpoch() string { return strconv.FormatUint(rand.Uint64(), 36) }

// maxEpoch leaves room for epochs that are made differently one day.
const maxEpoch = 64

func formatPosition(epoch string, seq uint64) string {
	return epoch + "-" + strconv.FormatUint(seq, 10)
}

// parsePosition reads a position. Only the one spelling that formatPosition
// has is one.
func parsePosition(s string) (epoch string, seq uint64, ok bool) {
	epoch, number, _ := strings.Cut(s, "-")
	if epoch == "" || len(epoch) > maxEpoch || strings.ContainsFunc(epoch, notInEpoch) {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || number[0] == '0' && number != "0" {
		return "", 0, false
	}
	return epoch, seq, true
}

func notInEpoch(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z')
}
