package conf

import (
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

// foreign are words of other programs' dialects and of old habits, with what
// to do instead.
var foreign = map[string]string{
	"nb_get_retry":        "here the word is retry",
	"nat_mask":            "keepalived dropped it long ago and IPVS needs no mask: remove the line",
	"lvs_id":              "the word is router_id",
	"notify_stopped":      "the word is notify_stop",
	"local_address_group": "DPVS's own: source addresses of full NAT are not a matter of the kernel's IPVS",
	"laddr_group_name":    "DPVS's own: source addresses of full NAT are not a matter of the kernel's IPVS",
	"deny_address_group":  "DPVS's own: use nftables to refuse addresses",
	"daddr_group_name":    "DPVS's own: use nftables to refuse addresses",
	"establish_timeout":   "DPVS's own: see lvs_timeouts",
	"dpdk_interface":      "DPVS's own",
}

// unknown reports a line, and the block below it, whose keyword no table has.
func (l *loader) unknown(n *syntax.Node, where string, names []string) {
	word := n.Keyword.Text
	what := "the line is ignored"
	if n.Block != nil {
		what = "the line and its block are ignored"
	}
	if strings.ContainsFunc(word, isOddBlank) {
		rest := strings.TrimLeftFunc(word, isOddBlank)
		if rest == "" {
			rest = n.Arg(0)
		}
		f := l.warn(n, "odd-blank", "%q begins with a blank that is no space (such as a no-break space), so that the keyword is unknown: %s", clip(word), what)
		if rest != "" {
			f.Hint = "replace it by spaces or tabs to have " + clip(rest) + " take effect"
		}
		return
	}
	f := l.warn(n, "unknown-keyword", "unknown keyword %q %s: %s", clip(word), where, what)
	if hint, ok := foreign[word]; ok {
		f.Hint = hint
	} else if key, value, ok := strings.Cut(word, "="); ok && value != "" && known(key, names) {
		f.Hint = "write it without '=': " + key + " " + clip(value)
	} else if near := nearest(word, names); near != "" {
		f.Hint = "did you mean " + near + "?"
	} else if blocks := blocksOf[word]; len(blocks) > 0 {
		f.Hint = word + " belongs " + strings.Join(blocks, " or ")
	}
}

func known(word string, names []string) bool {
	for _, name := range names {
		if name == word {
			return true
		}
	}
	return false
}

// isOddBlank is a blank that is none to keepalived.
func isOddBlank(r rune) bool {
	switch r {
	case 0x00a0, 0x2007, 0x202f, 0x3000, 0xfeff, 0x200b:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// nearest gives the name that word was probably meant to be, "" when none is near.
func nearest(word string, names []string) string {
	if len(word) < 3 || len(word) > 40 {
		return ""
	}
	limit := 1 + len(word)/5
	best, bestName := limit+1, ""
	folded := strings.ToLower(word)
	for _, name := range names {
		if d := distance(folded, strings.ToLower(name), limit); d < best {
			best, bestName = d, name
		}
	}
	return bestName
}

// distance is the number of edits (insert, delete, replace, exchange of
// neighbours) between a and b, or more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
