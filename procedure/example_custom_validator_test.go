package procedure_test

import (
	"context"
	"fmt"
	"regexp"

	"github.com/go-playground/locales/en"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	translations "github.com/go-playground/validator/v10/translations/en"

	"github.com/zapsocket/zapsocket/procedure"
)

var slug = regexp.MustCompile(`^[a-z0-9-]+$`)

// slugs returns a Validator that knows the tag slug, and says what is wrong in
// English.
func slugs() (*procedure.Validator, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	if err := v.RegisterValidation("slug", func(f validator.FieldLevel) bool {
		return slug.MatchString(f.Field().String())
	}); err != nil {
		return nil, err
	}

	english, _ := ut.New(en.New()).GetTranslator("en")
	if err := translations.RegisterDefaultTranslations(v, english); err != nil {
		return nil, err
	}
	if err := v.RegisterTranslation("slug", english, func(t ut.Translator) error {
		return t.Add("slug", "{0} may hold small letters, digits and dashes only", false)
	}, func(t ut.Translator, f validator.FieldError) string {
		text, _ := t.T("slug", f.Field())
		return text
	}); err != nil {
		return nil, err
	}
	return procedure.NewValidator(v, english)
}

// An application with tags of its own sets its Validator as the router's, or,
// as here, one procedure's.
func ExampleNewValidator() {
	type Page struct {
		Path  string `json:"path"  validate:"slug"`
		Title string `json:"title" validate:"max=60"`
	}
	const Publish procedure.Mutation[Page, struct{}] = "page.publish"

	v, err := slugs()
	if err != nil {
		fmt.Println(err)
		return
	}
	p := Publish.Func(func(context.Context, Page) (struct{}, error) {
		return struct{}{}, nil
	}).With(procedure.Options{Validator: v})

	_, err = Publish.Call(context.Background(), p, Page{Path: "About us"})
	fmt.Println(err)
	_, err = Publish.Call(context.Background(), p, Page{Path: "about-us"})
	fmt.Println(err)
	// Output:
	// BAD_REQUEST: path may hold small letters, digits and dashes only
	// <nil>
}
