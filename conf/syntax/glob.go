package syntax

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// matches is what a pattern stands for.
type matches struct {
	files     []string
	wildcard  bool   // the pattern has * ? or [
	braces    bool   // the pattern has alternatives
	unmatched string // an alternative that has no file
}

// Bounds of one pattern.
const (
	maxAlternatives = 1000
	maxMatches      = 10_000
)

// glob finds the files of a pattern: * ? [a-z] within a name, {a,b}
// alternatives, which may be nested. Alternatives come in order, the matches of
// each sorted. A name without any of these is given only if it exists.
func glob(fsys FS, pattern string) (matches, error) {
	alternatives, err := expandBraces(pattern)
	if err != nil {
		return matches{}, err
	}
	m := matches{braces: len(alternatives) > 1, wildcard: strings.ContainsAny(pattern, "*?[")}
	budget := maxMatches
	for _, alt := range alternatives {
		before := len(m.files)
		if !strings.ContainsAny(alt, `*?[\`) {
			if exists(fsys, alt) {
				m.files = append(m.files, alt)
			}
		} else if m.files, err = match(fsys, alt, m.files, &budget); err != nil {
			return matches{}, err
		}
		if len(m.files) == before && m.unmatched == "" {
			m.unmatched = alt
		}
		if len(m.files) > maxMatches {
			return matches{}, errTooMany
		}
	}
	return m, nil
}

var errTooMany = errors.New("the pattern matches too many files")

// exists tells whether a name is taken; a file that may not be looked at counts.
func exists(fsys FS, name string) bool {
	_, err := fsys.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// match appends the files of a pattern without braces, one directory level
// after the other.
func match(fsys FS, pattern string, files []string, budget *int) ([]string, error) {
	dirs := []string{""}
	if strings.HasPrefix(pattern, "/") {
		dirs[0] = "/"
	}
	parts := strings.Split(strings.Trim(pattern, "/"), "/")
	for i, part := range parts {
		part = strings.ReplaceAll(part, "[!", "[^")
		if _, err := path.Match(part, ""); err != nil {
			return files, errors.New("a [ has no ]")
		}
		var found []string
		for _, dir := range dirs {
			if !strings.ContainsAny(part, `*?[\`) {
				found = append(found, join(dir, part))
				continue
			}
			name := dir
			if name == "" {
				name = "."
			}
			entries, err := fsys.ReadDir(name)
			if err != nil {
				continue // not a directory, or not ours to see: nothing matches there
			}
			if *budget -= len(entries) + 1; *budget < 0 {
				return files, errTooMany
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(part, ".") {
					continue
				}
				if ok, _ := path.Match(part, e.Name()); ok {
					found = append(found, join(dir, e.Name()))
				}
			}
		}
		dirs = found
		if i == len(parts)-1 {
			break
		}
	}
	for _, name := range dirs {
		if exists(fsys, name) {
			files = append(files, name)
		}
	}
	return files, nil
}

func join(dir, name string) string {
	if dir == "" || dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

// expandBraces gives the alternatives of a pattern: "{a,b{c,d}}x" is ax, bcx, bdx.
func expandBraces(pattern string) ([]string, error) {
	todo := []string{pattern}
	var done []string
	for steps := 0; len(todo) > 0; steps++ {
		if len(todo)+len(done) > maxAlternatives || steps > 4*maxAlternatives {
			return nil, errors.New("the pattern has too many alternatives")
		}
		p := todo[0]
		open := strings.IndexByte(p, '{')
		if open < 0 {
			done = append(done, p)
			todo = todo[1:]
			continue
		}
		var items []string
		depth, from, end := 0, open+1, -1
		for i := open; i < len(p) && end < 0; i++ {
			switch p[i] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					items = append(items, p[from:i])
					end = i
				}
			case ',':
				if depth == 1 {
					items = append(items, p[from:i])
					from = i + 1
				}
			}
		}
		if end < 0 {
			done = append(done, p) // an open brace is a character of the name
			todo = todo[1:]
			continue
		}
		next := make([]string, 0, len(items)+len(todo))
		for _, item := range items {
			next = append(next, p[:open]+item+p[end+1:])
		}
		todo = append(next, todo[1:]...)
	}
	return done, nil
}
