// The flow of scripts/clients with the Go client of openapi-generator.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sort"

	"flow/todoapi"
)

func expect(found, wanted any, what string) {
	if is, should := fmt.Sprint(found), fmt.Sprint(wanted); is != should {
		fmt.Printf("%s: expected %s, got %s\n", what, should, is)
		os.Exit(1)
	}
	fmt.Println("ok ", what)
}

func must[T any](value T, _ any, err error) T {
	if err != nil {
		if refused := new(todoapi.GenericOpenAPIError); errors.As(err, &refused) {
			fmt.Println(string(refused.Body()))
		}
		fmt.Println(err)
		os.Exit(1)
	}
	return value
}

// problem returns the decoded body of an error response.
func problem[T any](err error) T {
	refused := new(todoapi.GenericOpenAPIError)
	if !errors.As(err, &refused) {
		fmt.Println("the request did not fail with a problem:", err)
		os.Exit(1)
	}
	return refused.Model().(T)
}

func due(at, zone, date string) todoapi.Due {
	due := todoapi.NewDue()
	if date != "" {
		due.SetDate(date)
	} else {
		due.SetAt(at)
		due.SetTimeZone(zone)
	}
	return *due
}

func main() {
	random := make([]byte, 16)
	_, err := rand.Read(random)
	must(0, nil, err)
	name, password := "clients-"+hex.EncodeToString(random), hex.EncodeToString(random)
	configuration := todoapi.NewConfiguration()
	configuration.Servers = todoapi.ServerConfigurations{{URL: os.Args[1]}}
	client := todoapi.NewAPIClient(configuration)
	ctx := context.Background()

	user := must(client.AccountsAPI.Register(ctx).Registration(*todoapi.NewRegistration(password, name)).Execute())
	expect(user.Username, name, "registers")
	tokens := must(client.AccountsAPI.Login(ctx).LoginInput(*todoapi.NewLoginInput(password, name)).Execute())
	ctx = context.WithValue(ctx, todoapi.ContextAccessToken, tokens.AccessToken)

	input := todoapi.NewTodoInput("Run")
	input.SetDue(due("2026-12-01T09:00", "Europe/Berlin", ""))
	input.SetTags([]string{"sport"})
	run := must(client.TodosAPI.CreateTodo(ctx).TodoInput(*input).Execute())
	expect([]any{run.Due.Get().GetAt(), run.Version}, []any{"2026-12-01T09:00", 1}, "creates a todo with a time")
	patch := todoapi.NewTodoPatch()
	patch.SetDueNil()
	run = must(client.TodosAPI.PatchTodo(ctx, run.Id).IfMatch(`"1"`).TodoPatch(*patch).Execute())
	expect([]any{run.Due.Get(), run.Name, run.Tags}, []any{(*todoapi.Due)(nil), "Run", []string{"sport"}}, "removes the due date and keeps the other fields")
	rename := todoapi.NewTodoPatch()
	rename.SetName("Walk")
	_, _, err = client.TodosAPI.PatchTodo(ctx, run.Id).IfMatch(`"1"`).TodoPatch(*rename).Execute()
	conflict := problem[todoapi.TodoMismatch](err)
	expect([]any{conflict.Code, conflict.Current.Get().Version}, []any{"version_mismatch", 2}, "has the current todo of a conflict")

	daily := todoapi.NewTodoInput("Water")
	daily.SetDue(due("", "", "2026-12-01"))
	daily.SetRecurrence(*todoapi.NewRecurrenceInput("FREQ=DAILY"))
	water := must(client.TodosAPI.CreateTodo(ctx).TodoInput(*daily).Execute())
	done := todoapi.NewTodoPatch()
	done.SetCompleted(true)
	water = must(client.TodosAPI.PatchTodo(ctx, water.Id).TodoPatch(*done).Execute())
	expect([]any{water.Due.Get().GetDate(), water.Completed}, []any{"2026-12-02", false}, "completes an occurrence")
	page := must(client.TodosAPI.ListTodos(ctx).DueBefore("2026-12-03").Completed(false).Execute())
	expect([]any{len(page.Items), page.Items[0].Name}, []any{1, "Water"}, "filters by a date")

	home := must(client.ListsAPI.CreateList(ctx).ListInput(*todoapi.NewListInput("Home")).Execute())
	house := todoapi.NewListPatch()
	house.SetName("House")
	_, _, err = client.ListsAPI.PatchList(ctx, home.Id).IfMatch(`"7"`).ListPatch(*house).Execute()
	stale := problem[todoapi.TodoListMismatch](err)
	expect(stale.Current.Get().OpenCount, 0, "has the current list of a conflict")

	command := func(id, target string, kind todoapi.ObjectType, version int64) todoapi.SyncCommand {
		command := todoapi.NewSyncCommand(id, todoapi.PATCH, target, kind)
		command.SetBody(map[string]any{"name": "Walk"})
		if version > 0 {
			command.SetIfVersion(version)
		}
		return *command
	}
	request := todoapi.NewSyncInput()
	request.SetTokenNil()
	request.SetCommands([]todoapi.SyncCommand{
		command("c1", run.Id, todoapi.TODO, 1), command("c2", home.Id, todoapi.LIST, 7), command("c3", run.Id, todoapi.TODO, 0),
	})
	synced := must(client.SyncAPI.Sync(ctx).SyncInput(*request).Execute())
	statuses, names, todos := []int32{}, []string{}, []string{}
	for _, result := range synced.Results {
		statuses = append(statuses, result.Status)
		if result.Problem != nil {
			names = append(names, result.Problem.Current.Get().Name)
		}
	}
	for _, todo := range synced.Todos {
		todos = append(todos, todo.Name)
	}
	sort.Strings(todos)
	expect(statuses, []int32{412, 412, 200}, "syncs")
	expect(names, []string{"Run", "Home"}, "has the objects of the conflicts")
	// The completed occurrence is a todo of its own.
	expect(todos, []string{"Walk", "Water", "Water"}, "has all todos")

	_, err = client.AccountsAPI.Logout(ctx).Execute()
	must(0, nil, err)
	_, _, err = client.AccountsAPI.GetUser(ctx).Execute()
	expect(problem[todoapi.Problem](err).Code, "token_revoked", "is logged out")
}
