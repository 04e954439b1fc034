package screen

import (
	"fmt"
	"io"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/words"
)

// Plan writes a plan for people, after what it compares.
func Plan(w io.Writer, r control.PlanReport, lines int) error {
	if r.Generation == 0 {
		fmt.Fprintf(w, "%s (digest %s) against the kernel; director is not running\n", r.File, words.ShortDigest(r.Digest))
	} else {
		fmt.Fprintf(w, "%s (digest %s) against generation %d (digest %s), which is in force\n",
			r.File, words.ShortDigest(r.Digest), r.Generation, words.ShortDigest(r.ConfigState.Digest))
		if r.FileDiffers && r.Config == r.File {
			fmt.Fprintf(w, "- %s has changed since it was put in force, or a file that it includes has\n", r.File)
		} else {
			for _, line := range status.Remarks(r.ConfigState) {
				fmt.Fprintln(w, "-", line)
			}
		}
	}
	for _, loss := range r.Losses {
		fmt.Fprintf(w, "! a reload would be refused without --accept-loss: %s\n", loss)
	}
	return r.Plan.Write(w, lines)
}
