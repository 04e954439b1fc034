package pair

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load/keyword"
)

// own are the words that differ between the halves of a pair, by block: what each is called, which
// addresses it has, and which of them is preferred.
var own = map[string][]string{
	"global_defs":   {"router_id", "smtp_helo_name", "notification_email_from"},
	"vrrp_instance": {"state", "priority", "mcast_src_ip", "unicast_src_ip", "unicast_peer"},
	"metrics":       {"listen"},
	"web":           {"listen"},
}

// ownEverywhere are those of any block, and ownBlocks whole blocks.
var (
	ownEverywhere = []string{"bindto", "bind_if"}
	ownBlocks     = []string{"peer", "unicast_peer"}
)

// Limits of a form.
const (
	maxForm = 3 << 20 // bytes
	maxLine = 500
)

// Form is a configuration in its normal form: one line for each value, with the blocks that it stands in,
// in an order that does not depend on the files. Secrets are masked. What has to differ between halves is
// not in it.
func Form(cfg *conf.Config) []string {
	var lines []string
	for _, s := range effective.Sections(cfg) {
		lines = flatten(lines, "", s)
	}
	slices.Sort(lines)
	return lines
}

func flatten(lines []string, path string, s keyword.Section) []string {
	if slices.Contains(ownBlocks, s.Keyword) {
		return lines
	}
	if s.Keyword != "" {
		path += strings.Join(append([]string{s.Keyword}, effective.QuoteAll(s.Words)...), " ") + ": "
	}
	for _, x := range s.Settings {
		if slices.Contains(own[s.Keyword], x.Keyword) || slices.Contains(ownEverywhere, x.Keyword) {
			continue
		}
		words := x.Words
		if x.Keyword == "lvs_sync_daemon" && len(words) > 0 {
			words = words[1:] // the interface
		}
		text := path + strings.Join(append([]string{x.Keyword}, effective.QuoteAll(words)...), " ")
		lines = append(lines, strings.ToValidUTF8(text[:min(len(text), maxLine)], "?"))
	}
	for _, sub := range s.Sections {
		lines = flatten(lines, path, sub)
	}
	return lines
}

// Digest identifies a form.
func Digest(form []string) string {
	h := sha256.New()
	for _, line := range form {
		_, _ = io.WriteString(h, line)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// SentForm is a form on its way to another half.
type SentForm struct {
	Digest string   `json:"digest"`
	Lines  []string `json:"lines"`
	// LeftOut is how many lines are not in it, since they are too many.
	LeftOut int `json:"left_out,omitempty"`
}

// Sent cuts a form to what may be sent.
func Sent(form []string) SentForm {
	size := 0
	for n, line := range form {
		if size += len(line) + 8; size > maxForm {
			return SentForm{Digest(form), form[:n], len(form) - n}
		}
	}
	return SentForm{Digest(form), form, 0}
}

// Clean makes the lines of a form that was received fit for a terminal.
func (f SentForm) Clean() SentForm {
	for n, line := range f.Lines {
		if len(line) > maxLine {
			line = line[:maxLine]
		}
		f.Lines[n] = printable(line)
	}
	return f
}

// Printable is a text of a peer in one line that harms no terminal, however long.
func Printable(text string) string { return printable(text) }

func printable(line string) string {
	var b strings.Builder
	for len(line) > 0 {
		n := min(len(line), maxText)
		b.WriteString(clip(line[:n]))
		line = line[n:]
	}
	return b.String()
}

// Difference are the lines that only one of two forms has, sorted by what they are about: "-" is here
// only and "+" there only. At most so many are given, and how many there are.
func Difference(here, there []string, most int) (lines []string, all int) {
	count := make(map[string]int, len(here))
	for _, l := range here {
		count[l]--
	}
	for _, l := range there {
		count[l]++
	}
	type line struct{ text, mark string }
	var list []line
	for text, n := range count {
		mark := "+ "
		if n < 0 {
			mark, n = "- ", -n
		}
		for range n {
			list = append(list, line{text, mark})
		}
	}
	slices.SortFunc(list, func(a, b line) int {
		if c := strings.Compare(a.text, b.text); c != 0 {
			return c
		}
		return strings.Compare(b.mark, a.mark)
	})
	for _, l := range list[:min(len(list), most)] {
		lines = append(lines, fmt.Sprintf("%s%s", l.mark, l.text))
	}
	return lines, len(list)
}
