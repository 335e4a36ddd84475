// Package results keeps what was measured, and makes tables and charts of it.
package results

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// Baseline is the server that ratios are to.
const Baseline = "coder/websocket (baseline)"

// A Record is one run of one workload against one server.
type Record struct {
	Run      string `json:"run"`   // when all of it was started
	Round    int    `json:"round"` // counted from 0 in the run
	Server   string `json:"server"`
	Workload string `json:"workload"`

	measure.Result

	// Per call, item or delivery, of the server's process.
	Allocs     float64 `json:"allocs,omitzero"`
	AllocBytes float64 `json:"alloc_bytes,omitzero"`

	// Per connection, of the server's process in W6. What is not said to be
	// otherwise was measured after garbage was collected.
	RSS         float64 `json:"rss,omitzero"`
	RSSBeforeGC float64 `json:"rss_before_gc,omitzero"`
	Heap        float64 `json:"heap,omitzero"`
	Stack       float64 `json:"stack,omitzero"`
	Goroutines  float64 `json:"goroutines,omitzero"`

	// Err says why there is nothing above.
	Err string `json:"err,omitempty"`
}

// Append appends a record to a file, which it makes if there is none.
func Append(path string, r Record) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return json.NewEncoder(f).Encode(r)
}

// Load returns all records of a file, none if there is no file.
func Load(path string) ([]Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var records []Record
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(records)+1, err)
		}
		records = append(records, r)
	}
	return records, lines.Err()
}
