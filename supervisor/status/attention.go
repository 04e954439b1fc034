package status

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// Attention is what nobody may overlook, whatever he asked: one line each.
func Attention(c control.ConfigState, now time.Time) []string {
	var lines []string
	if c.Fallback != "" {
		lines = append(lines, fmt.Sprintf("NOT %s BUT AN EARLIER CONFIGURATION RUNS%s: %s", c.Config, ofHistory(c.Number),
			c.Fallback))
	}
	if c.ReloadRefused != "" {
		lines = append(lines, fmt.Sprintf("the reload of %s ago was refused, what ran before runs on: %s",
			words.Age(now, c.ReloadRefusedAt), c.ReloadRefused))
	}
	if c.ConfirmUntil != nil {
		lines = append(lines, fmt.Sprintf("the configuration is not confirmed: the previous one comes back in %s unless "+
			"you type: director confirm",
			words.Age(*c.ConfirmUntil, now)))
	}
	return lines
}

// Remarks is what belongs to the picture and needs no haste.
func Remarks(c control.ConfigState) []string {
	var lines []string
	switch {
	case c.FileDiffers && c.FileErrors > 0:
		lines = append(lines, fmt.Sprintf("%s differs from what runs, and has %s: director check shows them", c.Config,
			words.Count(c.FileErrors, "error")))
	case c.FileDiffers && c.ReloadRefused == "":
		lines = append(lines, fmt.Sprintf("%s differs from what runs: director plan shows how, director reload applies it",
			c.Config))
	}
	if c.HistoryError != "" {
		lines = append(lines, "no history is kept: "+c.HistoryError)
	}
	return lines
}

func ofHistory(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf(" (NUMBER %d OF THE HISTORY)", number)
}
