package syntax

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/lvs-director/director/conf"
)

// readFile reads a file once. pos is where the file was asked for; severity
// is that of a file that cannot be read. What was read and is no text is an
// error in any case.
func (p *parser) readFile(name string, pos conf.Pos, o *Origin, severity conf.Severity) (*File, fs.FileInfo) {
	unreadable := func(hint, format string, args ...any) (*File, fs.FileInfo) {
		p.reportOnce(reportKey{pos, "unreadable", name}, severity, pos, o, hint, name+": "+format, args...)
		return nil, nil
	}
	info, err := p.opts.FS.Stat(name)
	if err != nil {
		return unreadable("", "cannot read: %v", reason(err))
	}
	if info.IsDir() {
		return unreadable("name a file, or a pattern such as "+name+"/*.conf", "is a directory")
	}
	if !info.Mode().IsRegular() {
		return unreadable("", "is not a regular file")
	}
	if info.Mode()&0o111 != 0 {
		p.reportOnce(reportKey{pos, "executable-file", name}, conf.Warning, pos, o, "chmod a-x "+name,
			"%s is executable: keepalived would not read it", name)
	}
	if f := p.tree.byName[name]; f != nil {
		if !p.count(f, pos, o) {
			return nil, nil
		}
		return f, info
	}
	if info.Size() > p.limits.FileSize {
		p.tooLarge(pos, o, info.Size(), name)
		return nil, nil
	}
	file, err := p.opts.FS.Open(name)
	if err != nil {
		return unreadable("", "cannot read: %v", reason(err))
	}
	defer file.Close()
	if opened, err := file.Stat(); err != nil || !opened.Mode().IsRegular() {
		return unreadable("", "is not a regular file")
	}
	var text strings.Builder
	text.Grow(int(info.Size()))
	n, err := io.Copy(&text, io.LimitReader(file, p.limits.FileSize+1))
	if err != nil {
		return unreadable("", "cannot read: %v", reason(err))
	}
	if n > p.limits.FileSize {
		p.tooLarge(pos, o, n, name)
		return nil, nil
	}
	return p.addFile(name, text.String(), pos, o), info
}

// reason is an error without the operation and the name, which are said already.
func reason(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func (p *parser) tooLarge(pos conf.Pos, o *Origin, size int64, name ...string) {
	prefix := ""
	if len(name) > 0 {
		prefix = name[0] + ": "
	}
	p.report(conf.Error, pos, o, "file-too-large", "is it a configuration?",
		"%sfile of %d bytes; the limit is %d", prefix, size, p.limits.FileSize)
}

// addFile puts a file into the tree; nil when it is no text.
func (p *parser) addFile(name, text string, pos conf.Pos, o *Origin) *File {
	if kind := notText(text); kind != "" {
		p.reportOnce(reportKey{pos, "not-text", name}, conf.Error, pos, o, "", "%s: is not a configuration but %s", name,
			kind)
		return nil
	}
	f := &File{Name: name, Text: text}
	if !p.count(f, pos, o) {
		return nil
	}
	p.tree.Files = append(p.tree.Files, f)
	p.tree.byName[name] = f
	return f
}

// count adds a file to what is read in all, and stops when that is too much.
func (p *parser) count(f *File, pos conf.Pos, o *Origin) bool {
	p.files++
	p.total += int64(len(f.Text))
	if p.files > p.limits.Files {
		p.stop(pos, o, "too-many-files", "more than %d files are read; reading stops here", p.limits.Files)
		return false
	}
	if p.total > p.limits.Total {
		p.stop(pos, o, "too-many-files", "more than %d bytes are read; reading stops here", p.limits.Total)
		return false
	}
	return true
}

// notText says what a text is when it is no text, and "" when it is. Comments
// in any encoding are text; a few stray control characters are, too.
func notText(text string) string {
	text = text[:min(len(text), 64<<10)]
	if mark := strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff"); mark &&
		strings.Count(text, "\x00")*4 > len(text) {
		return "UTF-16 text; save it as UTF-8"
	}
	control := 0
	for i := 0; i < len(text); i++ {
		if b := text[i]; b < ' ' && !isBlank[b] || b == 0x7f {
			control++
		}
	}
	if control > 1 && control*32 > len(text) {
		return "binary data"
	}
	return ""
}
