//! PROPFIND and PROPPATCH.

use axum::response::Response;

use super::Call;
use crate::dav::address::Address;
use crate::dav::collections::{Collection, Unsettable};
use crate::dav::content_tags::ContentTags;
use crate::dav::objects::Place;
use crate::dav::properties::{CollectionView, Resource};
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::requests::{PropertyChanges, Wanted, read};
use crate::dav::wire::{Multistatus, Status};
use crate::dav::xml::{CALENDAR_SERVER, DAV, Element};
use crate::error::Error;
use crate::todos::model::Todo;

impl Call<'_> {
    pub(super) async fn find_properties(&self, address: &Address) -> Result<Response, Refusal> {
        let is_deep = self.is_deep()?;
        let wanted = Wanted::of_propfind(&self.body)?;
        let mut out = Multistatus::new(&self.view, &wanted, self.is_brief());
        match address {
            Address::Folder(path) => self.write_folder(path, is_deep, &mut out),
            Address::Principal(_) => out.resource(&self.view.href(address), &Resource::Principal),
            Address::Home(_) => self.write_home(is_deep, &mut out).await?,
            Address::List(_, list) => self.write_list(list, is_deep, &mut out).await?,
            Address::Todo(_, list, name) => self.write_todo(list, name, &mut out).await?,
        }
        Ok(out.finish(None))
    }

    /// Without the header, 0: clients that leave it out want to know the resource itself.
    pub(super) fn is_deep(&self) -> Result<bool, Condition> {
        match self.header("depth").map(str::trim) {
            None | Some("0") => Ok(false),
            Some("1" | "1,noroot") => Ok(true),
            Some(_) => Err(Condition::FiniteDepth),
        }
    }

    fn write_folder(&self, path: &'static str, is_deep: bool, out: &mut Multistatus<'_>) {
        out.resource(&self.view.href(&Address::Folder(path)), &Resource::Folder);
        let user = self.view.user;
        match path {
            "/principals/" | "/dav/principals/" if is_deep => {
                out.resource(&self.view.href(&Address::Principal(user)), &Resource::Principal);
            }
            "/dav/lists/" if is_deep => {
                out.resource(&self.view.href(&Address::Home(user)), &Resource::Home);
            }
            "/dav/" if is_deep => {
                for below in ["/dav/principals/", "/dav/lists/"] {
                    out.resource(&self.view.href(&Address::Folder(below)), &Resource::Folder);
                }
            }
            _ => {}
        }
    }

    async fn write_home(&self, is_deep: bool, out: &mut Multistatus<'_>) -> Result<(), Refusal> {
        out.resource(&self.view.href(&Address::Home(self.view.user)), &Resource::Home);
        if is_deep {
            let collections = self.workspace.collections().await?;
            for view in self.views(collections, out).await? {
                out.resource(&self.href_of(&view.collection), &Resource::Collection(&view));
            }
        }
        Ok(())
    }

    async fn write_list(&self, list: &str, is_deep: bool, out: &mut Multistatus<'_>) -> Result<(), Refusal> {
        let collection = self.workspace.collection(list).await?;
        let list_id = collection.id();
        for view in self.views(vec![collection], out).await? {
            out.resource(&self.href_of(&view.collection), &Resource::Collection(&view));
        }
        if !is_deep {
            return Ok(());
        }
        let take = |todo: Todo| {
            let address = Address::Todo(self.view.user, list.to_owned(), todo.resource_name());
            out.resource(&self.view.href(&address), &Resource::Todo(&todo, None));
            Ok(!out.is_full())
        };
        self.workspace.each_member(list_id, take).await?;
        if out.is_full() {
            out.truncated(&self.view.href(&Address::List(self.view.user, list.to_owned())));
        }
        Ok(())
    }

    async fn write_todo(&self, list: &str, name: &str, out: &mut Multistatus<'_>) -> Result<(), Refusal> {
        let list_id = self.workspace.collection(list).await?.id();
        let member = self.workspace.member(Place { list_id, name }).await?;
        let address = Address::Todo(self.view.user, list.to_owned(), name.to_owned());
        out.resource(&self.view.href(&address), &Resource::Todo(&member.todo, Some(&member.text())));
        Ok(())
    }

    /// The collections with what the client asks for beside their stored properties.
    async fn views(
        &self,
        collections: Vec<Collection>,
        out: &Multistatus<'_>,
    ) -> Result<Vec<CollectionView>, Error> {
        let token =
            if out.wants(DAV, "sync-token") { Some(self.workspace.list_token().await?) } else { None };
        let tags = if out.wants(CALENDAR_SERVER, "getctag") {
            self.workspace.content_tags(self.remembered_tags).await?
        } else {
            ContentTags::default()
        };
        let view = |collection: Collection| {
            let id = collection.id();
            let seal = |token: &crate::dav::list_token::ListToken| {
                token.seal(self.sealer, self.view.user, id, self.lineage)
            };
            let sync_token = token.as_ref().map(seal).transpose()?;
            Ok(CollectionView { content_tag: tags.get(&id).copied(), sync_token, collection })
        };
        collections.into_iter().map(view).collect()
    }

    /// The report principal-property-search (RFC 3744 §9.4), in which users find nobody except themselves.
    pub(super) fn search_principals(&self, address: &Address) -> Result<Response, Refusal> {
        let root = read(&self.body)?;
        if !root.is(DAV, "principal-property-search") || matches!(address, Address::Todo(..)) {
            return Err(Condition::SupportedReport.into());
        }
        let wanted = Wanted::of_search(&root);
        let name = self.view.username.to_lowercase();
        let mut searches = root.children().filter(|child| child.is(DAV, "property-search"));
        let is_found = searches.all(|search| {
            let is_name =
                search.child(DAV, "prop").is_some_and(|prop| prop.child(DAV, "displayname").is_some());
            let part = search.child(DAV, "match").map(Element::text).unwrap_or_default();
            is_name && name.contains(&part.to_lowercase())
        });
        let mut out = Multistatus::new(&self.view, &wanted, self.is_brief());
        if is_found {
            let principal = self.view.href(&Address::Principal(self.view.user));
            out.resource(&principal, &Resource::Principal);
        }
        Ok(out.finish(None))
    }

    pub(super) fn href_of(&self, collection: &Collection) -> String {
        self.view.href(&Address::List(self.view.user, collection.segment()))
    }

    pub(super) async fn change_properties(&self, address: &Address) -> Result<Response, Refusal> {
        let changes = PropertyChanges::of_proppatch(&self.body)?;
        let outcomes = match address {
            Address::List(_, list) => {
                let collection = self.workspace.collection(list).await?;
                self.workspace.change_properties(&collection, &changes).await?
            }
            Address::Todo(_, list, name) => {
                let list_id = self.workspace.collection(list).await?.id();
                self.workspace.member(Place { list_id, name }).await?;
                changes.all(Err(Unsettable::Protected))
            }
            _ => changes.all(Err(Unsettable::Protected)),
        };
        let has_failed = outcomes.iter().any(|(_, outcome)| outcome.is_err());
        let status = |outcome| match outcome {
            Ok(()) if has_failed => Status::FailedDependency,
            Ok(()) => Status::Ok,
            Err(Unsettable::Protected) => Status::Forbidden,
            Err(Unsettable::Invalid) => Status::Conflict,
            Err(Unsettable::TooMany) => Status::InsufficientStorage,
        };
        let outcomes: Vec<_> = outcomes.into_iter().map(|(name, outcome)| (name, status(outcome))).collect();
        let wanted = Wanted::Names;
        let mut out = Multistatus::new(&self.view, &wanted, false);
        out.outcomes(&self.view.href(address), &outcomes);
        Ok(out.finish(None))
    }
}
