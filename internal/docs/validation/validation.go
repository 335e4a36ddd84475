// Package validation holds the code of docs/validation.md.
package validation

import (
	"context"
	"errors"
	"regexp"

	"github.com/go-playground/locales/de"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	german "github.com/go-playground/validator/v10/translations/de"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Book is a contract.
const Book procedure.Mutation[BookIn, Booking] = "room.book"

type BookIn struct {
	Room   string   `json:"room"   validate:"required,max=32"`
	Email  string   `json:"email"  validate:"required,email"`
	Plan   string   `json:"plan"   validate:"oneof=day week"`
	Seats  *int     `json:"seats"  validate:"required,gte=0,lte=50"`
	Guests []Guest  `json:"guests" validate:"max=50,dive"`
	Tags   []string `json:"tags"   validate:"max=5,unique,dive,min=1,max=16"`
	Repeat *Repeat  `json:"repeat"`
}

type Guest struct {
	Name string `json:"name" validate:"required"`
}

type Repeat struct {
	Weeks int `json:"weeks" validate:"gte=1,lte=52"`
}

// Booking is what Book answers.
type Booking struct {
	ID string `json:"id" validate:"required"`
}

// faults returns what to write beside each field of a form.
func faults(err error) map[string]string {
	var e *procedure.Error
	if !errors.As(err, &e) || e.Code != procedure.CodeBadRequest {
		return nil
	}
	byPath := map[string]string{}
	for _, f := range e.Fields {
		byPath[f.Path] = f.Message // "guests[0].name": "name is a required field"
	}
	return byPath
}

var slug = regexp.MustCompile(`^[a-z0-9-]+$`)

func newValidator() (*procedure.Validator, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	err := v.RegisterValidation("slug", func(f validator.FieldLevel) bool {
		return slug.MatchString(f.Field().String())
	})
	if err != nil {
		return nil, err
	}
	return procedure.NewValidator(v, nil) // with the messages in English
}

func newGermanValidator() (*procedure.Validator, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	language := de.New()
	texts, _ := ut.New(language, language).GetTranslator("de")
	if err := german.RegisterDefaultTranslations(v, texts); err != nil {
		return nil, err
	}
	err := v.RegisterValidation("slug", func(f validator.FieldLevel) bool {
		return slug.MatchString(f.Field().String())
	})
	if err != nil {
		return nil, err
	}
	err = v.RegisterTranslation("slug", texts,
		func(t ut.Translator) error { return t.Add("slug", "{0} ist kein Kürzel", false) },
		func(t ut.Translator, f validator.FieldError) string {
			text, _ := t.T("slug", f.Field())
			return text
		})
	if err != nil {
		return nil, err
	}
	return procedure.NewValidator(v, texts)
}

// NameIn has a tag of the application's own.
type NameIn struct {
	Name string `json:"name" validate:"slug,max=16"`
}

// Rename is a contract.
const Rename procedure.Mutation[NameIn, struct{}] = "room.rename"

func register(validator *procedure.Validator) *router.Router {
	r := router.New()
	r.Validator = validator // of what is handled from here on
	r.Handle(Rename.Func(rename))
	return r
}

func rename(context.Context, NameIn) (struct{}, error) { return struct{}{}, nil }

func book(context.Context, BookIn) (Booking, error) {
	return Booking{}, nil // the ID is missing
}
