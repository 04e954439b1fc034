package main

import (
	"fmt"
	"io"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
)

// printAttention writes what nobody may overlook.
func printAttention(w io.Writer, c control.ConfigState) {
	for _, line := range status.Attention(c, time.Now()) {
		fmt.Fprintln(w, "director: ATTENTION:", line)
	}
}
