package mail

// NewWith is a mailer that gives its mails to d.
var NewWith = newMailer
