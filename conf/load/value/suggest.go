package value

import (
	"strings"
)

// Nearest gives the name that word was probably meant to be, "" when none is near.
func Nearest(word string, names []string) string {
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

// DidYouMean is a suggestion to stand behind a message, or "".
func DidYouMean(word string, names []string) string {
	if near := Nearest(word, names); near != "" && near != word {
		return " (did you mean " + near + "?)"
	}
	return ""
}
