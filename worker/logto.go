package worker

import (
	"flag"
	"strconv"
)

// LogTo says where the log of a worker goes and how; the supervisor writes it on the
// worker's command line.
type LogTo struct {
	Format, Level string // as for logging.Options
	Quiet         bool   // not to standard error
	File          string // absolute; empty is none
	Syslog        bool
	Facility      int    // of syslog(3)
	Identifier    string // in syslog
}

// Args are the flags on the command line.
func (l LogTo) Args() []string {
	args := []string{"--log-format", l.Format, "--log-level", l.Level}
	if l.Quiet {
		args = append(args, "--log-quiet")
	}
	if l.File != "" {
		args = append(args, "--log-file", l.File)
	}
	if l.Syslog {
		args = append(args, "--syslog", strconv.Itoa(l.Facility), "--syslog-identifier", l.Identifier)
	}
	return args
}

// Flags are what reads them.
func (l *LogTo) Flags(f *flag.FlagSet) {
	f.StringVar(&l.Format, "log-format", "text", "")
	f.StringVar(&l.Level, "log-level", "info", "")
	f.BoolVar(&l.Quiet, "log-quiet", false, "")
	f.StringVar(&l.File, "log-file", "", "")
	f.StringVar(&l.Identifier, "syslog-identifier", "", "")
	f.Func("syslog", "", func(text string) (err error) {
		l.Syslog = true
		l.Facility, err = strconv.Atoi(text)
		return err
	})
}
