// Styles are imported for the bundler; they give the program nothing. A picture
// gives its address.
declare module "*.css";
declare module "*.svg" {
  const address: string;
  export default address;
}
