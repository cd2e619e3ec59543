import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";

import { Account } from "./account";
import { fetcher } from "./fetcher";
import "./playground.css";
import { storage } from "./storage";
import tour from "./tour.graphql?raw";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

createRoot(root).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    shouldPersistHeaders={false}
    defaultQuery={tour}
    defaultEditorToolsVisibility="variables"
  >
    <GraphiQL.Logo>
      <Account />
    </GraphiQL.Logo>
  </GraphiQL>,
);
