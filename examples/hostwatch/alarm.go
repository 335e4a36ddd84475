package main

// rearm is how far below its threshold, as a share of it, a value has to have
// been before there is another alarm: one that wavers around the threshold
// raises one, not one every second.
const rearm = 0.95

// An alarm watches one value.
type alarm struct {
	metric    string
	threshold float64 // 0 for never
	raised    bool
}

// set changes the threshold, if there is a new one. A value that is above that
// already raises the alarm anew.
func (a *alarm) set(threshold *float64) {
	if threshold != nil {
		a.threshold, a.raised = *threshold, false
	}
}

// raise reports whether the value has just reached the threshold.
func (a *alarm) raise(value float64) bool {
	switch {
	case a.threshold == 0 || value < a.threshold*rearm:
		a.raised = false
	case value >= a.threshold && !a.raised:
		a.raised = true
		return true
	}
	return false
}
