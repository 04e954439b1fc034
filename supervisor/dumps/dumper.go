package dumps

import (
	"fmt"
	"time"
)

const (
	// slow is when a dump that is under way is a problem.
	slow = 10 * time.Second
	// remembered is how long one that failed is, if nobody asks for another one.
	remembered = 10 * time.Minute
)

// Dumper is what was asked for and what is under way. It belongs to the supervisor's loop.
type Dumper struct {
	waiting Kind
	began   time.Time // when the dump that is under way began; zero when none is
	trouble string    // why the last one failed; empty when it did not
	failed  time.Time
}

// Wait notes that dumps are asked for.
func (d *Dumper) Wait(k Kind) { d.waiting |= k }

// Waiting are the dumps that are asked for and not begun.
func (d *Dumper) Waiting() Kind { return d.waiting }

// Hold takes back what is asked for, so that nothing follows what is under way.
func (d *Dumper) Hold() (waiting Kind) {
	waiting, d.waiting = d.waiting, 0
	return waiting
}

// IsBusy says whether one is under way.
func (d *Dumper) IsBusy() bool { return !d.began.IsZero() }

// Begin is what to make now; 0 is nothing. Ended follows it.
func (d *Dumper) Begin(now time.Time) (k Kind) {
	if d.IsBusy() || d.waiting == 0 {
		return 0
	}
	k, d.waiting = d.waiting, 0
	d.began = now
	return k
}

// Ended notes how a dump ended; news says that this is not how the one before did.
func (d *Dumper) Ended(now time.Time, err error) (news bool) {
	before := d.trouble
	d.began, d.trouble = time.Time{}, ""
	if err != nil {
		d.trouble, d.failed = err.Error(), now
	}
	return d.trouble != before
}

// Problem says in a sentence for status what is wrong; empty when nothing is.
func (d *Dumper) Problem(now time.Time) string {
	switch {
	case d.IsBusy() && now.Sub(d.began) > slow:
		return fmt.Sprintf("a dump that a signal has asked for is not written: the disk has not answered for %v",
			now.Sub(d.began).Round(time.Second))
	case d.trouble != "" && now.Sub(d.failed) < remembered:
		return "a dump that a signal has asked for was not written: " + d.trouble
	}
	return ""
}
